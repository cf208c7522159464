//! `wdfmem verify on` and `off`.

use super::{
    Switch,
    install::needs_rights,
    machine,
    verifier::{self, Before, Ended, Framework, Plan, Settings},
};
use crate::{
    devices::DeviceSet,
    failure::{EXIT_FAILED, EXIT_OK, EXIT_RESTART, Failure},
    report::say,
};

/// Switches both verifiers. The exit code.
pub fn switch(switch: Switch, now: bool) -> Result<u8, Failure> {
    needs_rights(&machine::trust(None), "changing the verifiers' settings")?;
    match switch {
        Switch::On => on(now),
        Switch::Off => off(),
    }
}

fn on(now: bool) -> Result<u8, Failure> {
    if !machine::has_service() {
        return Err(Failure::device(
            "the driver is not installed, so the framework has nowhere to read its settings from",
            "run `wdfmem install` first",
        ));
    }
    let settings = machine::verifier_settings();
    // Switched on twice, what counts is what was there before the first time.
    if machine::before().is_none() {
        let before = Before {
            settings: settings.clone(),
            framework: machine::framework_verifier(),
        };
        machine::keep_before(Some(&before)).map_err(registry)?;
    }
    machine::set_framework_verifier(&Framework::on()).map_err(registry)?;
    say(
        "the framework's verifier is on, from the driver's next load on: VerifierOn, VerifyOn, TrackHandles, \
         DbgBreakOnError, EnhancedVerifierOptions and ForceLogsInMiniDump in the service's Parameters\\Wdf key. \
         Without a kernel debugger, what it finds ends in a bug check",
    )?;
    let plan = verifier::on(now, machine::build().unwrap_or(0), &settings);
    let ended = carry_out(&plan, &settings)?;
    if now && ended != EXIT_FAILED {
        restart_device()?;
    }
    Ok(ended)
}

fn off() -> Result<u8, Failure> {
    let before = machine::before();
    if machine::has_service() {
        let framework = before.as_ref().map(|before| before.framework.clone());
        machine::set_framework_verifier(&framework.unwrap_or_default()).map_err(registry)?;
        say("the framework's verifier has its former settings from the driver's next load on")?;
    }
    let settings = machine::verifier_settings();
    let activity = machine::verifier_activity().unwrap_or_default();
    let plan = verifier::off(
        &settings,
        before.as_ref().map(|before| &before.settings),
        &activity,
    );
    let ended = carry_out(&plan, &settings)?;
    if ended != EXIT_FAILED {
        machine::keep_before(None).map_err(registry)?;
    }
    Ok(ended)
}

/// Runs `verifier.exe` as planned and prints what remains to be done. The exit code.
fn carry_out(plan: &Plan, settings: &Settings) -> Result<u8, Failure> {
    let mut restart = plan.restart.is_some();
    for call in &plan.calls {
        let written = format!("verifier {}", call.join(" "));
        let (code, output) = match machine::verifier(call) {
            Ok(ended) => ended,
            Err(why) => {
                say(&format!(
                    "Driver Verifier was not changed: {why}\n  what to do: only Windows has Driver Verifier; on another \
                     system the framework's verifier is all there is"
                ))?;
                return Ok(EXIT_FAILED);
            }
        };
        match Ended::with(code) {
            Ended::Done => {}
            Ended::RestartNeeded => restart = true,
            Ended::Rejected => {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                let running = call.iter().any(|argument| argument == "/now");
                let next = if running {
                    "Driver Verifier takes /now only while it runs no checks yet: `wdfmem verify off`, restart \
                     Windows, then try again; or `wdfmem verify on` without --now"
                } else {
                    "run the command by hand and read its output; `wdfmem status` shows the settings"
                };
                return Err(Failure::device(
                    format!("`{written}` ended with {code}: {output}"),
                    next,
                ));
            }
        }
        say(&format!("done: {written}"))?;
    }
    if plan.calls.is_empty() && *settings == Settings::default() && plan.notes.is_empty() {
        say("Driver Verifier has no settings for the driver; nothing was changed")?;
    }
    for note in &plan.notes {
        say(note)?;
    }
    if restart {
        let why = plan
            .restart
            .as_deref()
            .unwrap_or("verifier.exe reports that its change takes effect after a restart");
        say(&format!(
            "Windows must be restarted: {why}\n  what to do: shutdown /r /t 0"
        ))?;
        return Ok(EXIT_RESTART);
    }
    Ok(EXIT_OK)
}

/// Restarts the device, so that the driver is loaded again with both verifiers on.
fn restart_device() -> Result<(), Failure> {
    let set = DeviceSet::all()?;
    for device in set.ours() {
        let restart = set.restart(&device)?;
        say(if restart {
            "the device could not be restarted while Windows runs, so the framework's verifier is off until the next \
             restart\n  what to do: close every program that uses the driver, or restart Windows"
        } else {
            "the device was restarted, so that the driver is verified from its load on"
        })?;
    }
    Ok(())
}

fn registry(error: impl std::fmt::Display) -> Failure {
    Failure::device(
        format!("the registry could not be written: {error}"),
        super::rejection::NOT_ELEVATED,
    )
}
