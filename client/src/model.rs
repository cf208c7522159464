//! The driver in this process, over the models of the kernel and of KMDF.

// The driver's imports of the framework are defined there.
use kmdf_model as _;
use kmdf_sys::GUID;
use nt_model::{Caller, Config, Kernel, NtStatus, Verifier, VerifierReport};
use wdfmem_ioctl::{INTERFACE_GUID, Status, Tag};

use crate::{
    arguments::Windows,
    failure::Failure,
    system::{Allocated, Completion, File, System, Verdict},
};

/// The driver's service name.
const SERVICE: &str = "wdfmem";

/// The hardware identifier of its root-enumerated device, as in the INF.
const HARDWARE_ID: &str = r"Root\wdfmem";

/// How the modelled system is configured.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    windows: Windows,
    verified: bool,
}

impl Setup {
    /// A system that emulates this version of Windows, with every check on.
    pub const fn for_windows(windows: Windows) -> Self {
        Self {
            windows,
            verified: true,
        }
    }

    /// The other systems for the self-test: the other version of Windows, and this one without Driver Verifier. With
    /// special pool a lookaside list keeps no freed entries, so that it never hands one out again.
    pub fn others(self) -> Vec<Self> {
        let other = match self.windows {
            Windows::Windows10 => Windows::Windows11,
            Windows::Windows11 => Windows::Windows10,
        };
        vec![
            Self::for_windows(other),
            Self {
                verified: false,
                ..self
            },
        ]
    }

    fn name(self) -> String {
        let windows = match self.windows {
            Windows::Windows10 => "Windows 10 1809",
            Windows::Windows11 => "Windows 11 23H2",
        };
        let verifier = if self.verified { "with" } else { "without" };
        format!("{windows} in the model, {verifier} Driver Verifier")
    }

    fn config(self) -> Config {
        let windows = match self.windows {
            Windows::Windows10 => nt_model::Windows::V10_1809,
            Windows::Windows11 => nt_model::Windows::V11_23H2,
        };
        let verifier = if self.verified {
            Verifier::standard()
        } else {
            Verifier::off()
        };
        Config {
            windows,
            verifier,
            ..Config::default()
        }
    }
}

/// Boots a system, loads the driver, adds its device, and runs `work`; then removes the device and unloads the
/// driver. Returns what the verifier observed.
pub fn on_system<R: Send + 'static>(
    setup: Setup,
    work: impl FnOnce(&dyn System) -> R + Send + 'static,
) -> Result<(R, Verdict), Failure> {
    let outcome = nt_model::run(setup.config(), move |kernel| {
        let driver = kernel
            .load_driver(SERVICE, wdfmem::fx_driver_entry)
            .map_err(|status| defect("the driver could not be loaded", status))?;
        let device = driver
            .add_device(HARDWARE_ID)
            .map_err(|status| defect("the device could not be started", status))?;
        let result = work(&Model {
            kernel: kernel.clone(),
            setup,
        });
        device
            .remove()
            .map_err(|status| defect("the device could not be removed", status))?;
        driver
            .unload()
            .map_err(|status| defect("the driver could not be unloaded", status))?;
        Ok((result, kernel.verifier()))
    });
    match outcome {
        Ok(Ok((result, report))) => Ok((result, verdict(setup, &report))),
        Ok(Err(failure)) => Err(failure),
        Err(stop) => Err(Failure::Stop {
            what: stop.to_string(),
            debug_output: stop.debug_output,
        }),
    }
}

fn defect(what: &str, status: NtStatus) -> Failure {
    Failure::device(
        format!("{what} in the model: {status}"),
        "this is a defect of the driver or of the model; please report it",
    )
}

fn verdict(setup: Setup, report: &VerifierReport) -> Verdict {
    let options = setup.config().verifier;
    let checks = [
        (
            options.special_pool && report.page_protection,
            "special pool",
        ),
        (
            options.force_irql_checking && report.page_protection,
            "force IRQL checking",
        ),
        (options.pool_tracking, "pool tracking"),
        (options.io_verification, "I/O verification"),
        (options.miscellaneous, "miscellaneous checks"),
        (options.ddi_compliance, "DDI compliance"),
        (options.wdf, "the framework's own verifier"),
    ];
    Verdict {
        systems: vec![setup.name()],
        checks: checks
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| name.to_owned())
            .collect(),
        // A violation stops the system and is reported as `Failure::Stop`.
        findings: Vec::new(),
        allocations: report.allocations,
        failed_on_purpose: report.faults_injected,
        left: Allocated {
            blocks: report.live_blocks,
            bytes: report.live_bytes,
        },
        watched: true,
    }
}

struct Model {
    kernel: Kernel,
    setup: Setup,
}

impl System for Model {
    fn describe(&self) -> String {
        self.setup.name()
    }

    fn is_verified(&self) -> bool {
        self.setup.verified
    }

    fn open(&self) -> Result<Box<dyn File>, Failure> {
        match self.kernel.open_interface(&interface()) {
            Ok(file) => Ok(Box::new(ModelFile(file))),
            Err(status) => Err(defect("the device could not be opened", status)),
        }
    }

    fn open_as_user(&self) -> Option<Status> {
        let link = self.kernel.interfaces(&interface()).into_iter().next()?;
        Some(match self.kernel.open_as(Caller::User, &link) {
            Ok(_) => Status::SUCCESS,
            Err(NtStatus(status)) => Status::from_code(status),
        })
    }

    fn exports_work(&self) -> bool {
        true
    }

    fn allocated(&self, tag: Tag) -> Option<Allocated> {
        let report = self.kernel.verifier();
        let uses = report.tags.iter().filter(|usage| usage.tag == tag.number());
        Some(uses.fold(Allocated::default(), |sum, usage| Allocated {
            blocks: sum.blocks + usage.blocks,
            bytes: sum.bytes + usage.bytes,
        }))
    }

    fn fail_allocation(&self, nth: u64) -> Option<u64> {
        let before = self.kernel.verifier().faults_injected;
        self.kernel.fail_nth_allocation(nth);
        Some(before)
    }
}

struct ModelFile(nt_model::File);

impl File for ModelFile {
    fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> Completion {
        let outcome = self.0.ioctl(code, input, output);
        Completion {
            status: Status::from_code(outcome.status),
            information: outcome.information,
        }
    }
}

/// The interface's GUID in the kernel's layout.
fn interface() -> GUID {
    GUID {
        Data1: (INTERFACE_GUID >> 96) as u32,
        Data2: (INTERFACE_GUID >> 80) as u16,
        Data3: (INTERFACE_GUID >> 64) as u16,
        Data4: (INTERFACE_GUID as u64).to_be_bytes(),
    }
}
