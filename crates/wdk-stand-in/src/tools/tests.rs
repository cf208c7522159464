use super::*;

/// A folder with the files that the tools work on, and what the makefile of wdk-build calls.
struct Build {
    folder: tempfile::TempDir,
}

const TEMPLATE: &str = include_str!("../../../../driver.inx");

impl Build {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let build = Self { folder };
        fs::create_dir(build.path("wdfmem_package")).unwrap();
        fs::write(build.path("wdfmem.inf"), TEMPLATE).unwrap();
        build
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn call(&self, tool: &str, arguments: &str) -> Result<()> {
        let folder = self.folder.path().to_string_lossy();
        let arguments: Vec<String> = arguments
            .split(' ')
            .map(|argument| argument.replace("FOLDER", &folder))
            .collect();
        perform(tool, &arguments, &self.path("store"))
    }

    fn stamp(&self) {
        self.call("stampinf", STAMP).unwrap();
        let package = self.path("wdfmem_package/wdfmem.inf");
        fs::copy(self.path("wdfmem.inf"), package).unwrap();
    }

    fn image(&self) {
        let bytes = cargo_kmdf::package::sample::image(b"code");
        fs::write(self.path("wdfmem_package/wdfmem.sys"), bytes).unwrap();
    }

    fn certificate(&self) {
        self.call("makecert", CERTIFICATE).unwrap();
    }

    /// Why the call fails.
    fn reason(&self, tool: &str, arguments: &str) -> String {
        let error = self.call(tool, arguments).expect_err("the call is wrong");
        format!("{error:#}")
    }
}

const STAMP: &str = "-f FOLDER/wdfmem.inf -d * -a amd64 -c wdfmem.cat -v * -k 1.15";
const VERIFY: &str = "/v /w FOLDER/wdfmem.inf";
const CATALOG: &str = "/driver:FOLDER/wdfmem_package /os:10_x64 /uselocaltime";
const CERTIFICATE: &str = "-r -pe -a SHA256 -eku 1.3.6.1.5.5.7.3.3 -ss WDRTestCertStore \
                           -n CN=WDRLocalTestCert FOLDER/WDRLocalTestCert.cer";
const SIGN: &str = "sign /v /s WDRTestCertStore /n WDRLocalTestCert \
                    /t http://timestamp.digicert.com /fd SHA256 FOLDER/wdfmem_package/wdfmem";
const FIND: &str = "-put -s WDRTestCertStore -c -n WdrLocalTestCert FOLDER/WDRLocalTestCert.cer";

#[test]
fn the_calls_of_the_makefile_make_a_catalog_of_the_stamped_inf_and_the_image() {
    let build = Build::new();
    assert!(build.reason("certmgr", FIND).contains("no certificate"));
    build.stamp();
    build.image();
    build.certificate();
    build.call("certmgr", FIND).unwrap();
    build.call("signtool", &format!("{SIGN}.sys")).unwrap();
    build.call("inf2cat", CATALOG).unwrap();
    build.call("signtool", &format!("{SIGN}.cat")).unwrap();
    build.call("infverif", VERIFY).unwrap();
    let inf = fs::read_to_string(build.path("wdfmem.inf")).unwrap();
    assert!(inf.contains("KmdfLibraryVersion = 1.15"), "{inf}");
    assert_eq!(
        fs::read_to_string(build.path("store/calls")).unwrap(),
        "stampinf wdfmem.inf\nmakecert WDRLocalTestCert.cer\ncertmgr WDRLocalTestCert.cer\n\
         signtool wdfmem.sys\ninf2cat wdfmem.cat\nsigntool wdfmem.cat\ninfverif wdfmem.inf\n"
    );
}

#[test]
fn an_inf_that_is_not_stamped_is_neither_verified_nor_catalogued() {
    let build = Build::new();
    build.image();
    fs::copy(
        build.path("wdfmem.inf"),
        build.path("wdfmem_package/wdfmem.inf"),
    )
    .unwrap();
    assert!(build.reason("infverif", VERIFY).contains("is not stamped"));
    assert!(build.reason("inf2cat", CATALOG).contains("is not stamped"));
    build.stamp();
    assert!(
        build
            .reason("stampinf", STAMP)
            .contains("is stamped already")
    );
}

#[test]
fn files_that_are_missing_stop_the_tool_that_needs_them() {
    let build = Build::new();
    let reason = build.reason("stampinf", &STAMP.replace("wdfmem.inf", "other.inf"));
    assert!(reason.contains("cannot be read"), "{reason}");
    build.stamp();
    let reason = build.reason("inf2cat", CATALOG);
    assert!(reason.contains("0 files that end in .sys"), "{reason}");
    let reason = build.reason("signtool", &format!("{SIGN}.sys"));
    assert!(
        reason.contains("no certificate is in the store"),
        "{reason}"
    );
    build.certificate();
    let reason = build.reason("signtool", &format!("{SIGN}.cat"));
    assert!(reason.contains("cannot be read"), "{reason}");
}

#[test]
fn a_catalog_of_other_bytes_is_not_signed() {
    let build = Build::new();
    build.stamp();
    build.image();
    build.certificate();
    build.call("inf2cat", CATALOG).unwrap();
    let changed = cargo_kmdf::package::sample::image(b"other code");
    fs::write(build.path("wdfmem_package/wdfmem.sys"), changed).unwrap();
    assert!(build.call("signtool", &format!("{SIGN}.cat")).is_err());
}

#[test]
fn wrong_architectures_digests_and_usages_are_refused() {
    let build = Build::new();
    for (tool, arguments, wrong) in [
        ("stampinf", STAMP.replace("amd64", "UNKNOWN"), "UNKNOWN"),
        (
            "stampinf",
            STAMP.replace("-k 1.15", "-x 1.15"),
            "-k is missing",
        ),
        ("stampinf", format!("{STAMP} -n"), "-n"),
        ("inf2cat", CATALOG.replace("10_x64", "UNKNOWN"), "UNKNOWN"),
        ("makecert", CERTIFICATE.replace("SHA256", "SHA1"), "SHA1"),
        (
            "makecert",
            CERTIFICATE.replace(".7.3.3", ".7.3.1"),
            "code signing",
        ),
        (
            "signtool",
            format!("{SIGN}.sys").replace("SHA256", "SHA1"),
            "SHA1",
        ),
        ("infverif", VERIFY.replace("/w", "/u"), "/v /w"),
        ("devgen", String::new(), "none of"),
    ] {
        let reason = build.reason(tool, &arguments);
        assert!(reason.contains(wrong), "{tool} {arguments}: {reason}");
    }
}
