//! What is declared without a WDK is what the ABI facts in `tests/facts` say.

#![cfg(not(all(windows, not(wdk_free))))]

mod declarations;
mod facts;
mod layout;
