//! What is declared without a WDK is what the ABI facts in `tests/facts` say.

#![cfg(not(wdk))]

mod declarations;
mod facts;
mod layout;
mod wdk_route_page;
