//! Where the driver is used: installed on this Windows, or in this process over the models.

#[cfg(windows)]
use crate::installed;
#[cfg(not(wdk))]
use crate::model;
use crate::{
    arguments::SystemChoice,
    failure::Failure,
    system::{System, Verdict},
};

/// A system to use the driver on.
#[derive(Clone, Copy, Debug)]
pub enum Setup {
    /// The driver in this process, over the models.
    #[cfg(not(wdk))]
    Model(model::Setup),
    /// The installed driver.
    #[cfg(windows)]
    Installed,
}

impl Setup {
    /// The system that was asked for. If none was, the installed driver where its device is present, else the
    /// model; on Windows standard error then says so.
    pub fn choose(choice: SystemChoice) -> Result<Self, Failure> {
        if choice.model {
            return Self::model(choice);
        }
        #[cfg(windows)]
        if choice.driver || cfg!(wdk) || installed::is_present()? {
            return Ok(Self::Installed);
        }
        #[cfg(windows)]
        anstream::eprintln!("wdfmem: {}", crate::failure::MODEL_INSTEAD);
        #[cfg(not(windows))]
        if choice.driver {
            return Err(Failure::no_driver());
        }
        Self::model(choice)
    }

    #[cfg(not(wdk))]
    fn model(choice: SystemChoice) -> Result<Self, Failure> {
        Ok(Self::Model(model::Setup::for_windows(choice.windows)))
    }

    #[cfg(wdk)]
    fn model(_: SystemChoice) -> Result<Self, Failure> {
        Err(Failure::usage(
            "this client was built with `--cfg wdk`, as the driver is with the WDK, and holds no model",
            "build it by itself and without that flag: `cargo build --release --package wdfmem-client`",
        ))
    }

    /// The other systems on which the self-test shows what differs between systems.
    pub fn others(self) -> Vec<Self> {
        match self {
            #[cfg(not(wdk))]
            Self::Model(setup) => setup.others().into_iter().map(Self::Model).collect(),
            #[cfg(windows)]
            Self::Installed => Vec::new(),
        }
    }
}

/// Runs `work` on a system with the driver in it.
pub fn on_system<R: Send + 'static>(
    setup: Setup,
    work: impl FnOnce(&dyn System) -> R + Send + 'static,
) -> Result<(R, Verdict), Failure> {
    match setup {
        #[cfg(not(wdk))]
        Setup::Model(setup) => model::on_system(setup, work),
        #[cfg(windows)]
        Setup::Installed => installed::on_system(work),
    }
}
