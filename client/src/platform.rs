//! Chooses between the installed driver and the driver in this process, over the models.

#[cfg(windows)]
use crate::installed;
#[cfg(not(wdk))]
use crate::model;
use crate::{
    arguments::Context,
    failure::Failure,
    system::{System, Verdict},
};

/// The system that the driver is used on.
#[derive(Clone, Copy, Debug)]
pub enum Setup {
    /// The driver in this process, over the models.
    #[cfg(not(wdk))]
    Model(model::Setup),
    /// The driver that is installed on this Windows.
    #[cfg(windows)]
    Installed,
}

impl Setup {
    /// The system that the options name. Without such an option, the installed driver if its device is present,
    /// otherwise the model; on Windows a note on standard error says so.
    pub fn choose(context: Context) -> Result<Self, Failure> {
        if context.model || context.windows.is_some() {
            // clap sees it only if both stand on the same side of the command.
            if context.driver {
                return Err(Failure::usage(
                    "`--driver` cannot be combined with `--model` or `--windows`, which use the driver in the model",
                    "give one of them",
                ));
            }
            return Self::model(context);
        }
        #[cfg(windows)]
        if context.driver || cfg!(wdk) || installed::is_present()? {
            return Ok(Self::Installed);
        }
        #[cfg(windows)]
        anstream::eprintln!("wdfmem: {}", crate::failure::MODEL_INSTEAD);
        #[cfg(not(windows))]
        if context.driver {
            return Err(Failure::no_driver());
        }
        Self::model(context)
    }

    #[cfg(not(wdk))]
    fn model(context: Context) -> Result<Self, Failure> {
        let windows = context.windows.unwrap_or_default();
        Ok(Self::Model(model::Setup::for_windows(windows)))
    }

    #[cfg(wdk)]
    fn model(_: Context) -> Result<Self, Failure> {
        Err(Failure::usage(
            "this client was built with `--cfg wdk`, like a driver for the WDK, and does not contain the model",
            "build the client without that flag: `cargo build --release --package wdfmem-client`",
        ))
    }

    /// The other systems on which the self-test repeats the chapter that differs between systems.
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
