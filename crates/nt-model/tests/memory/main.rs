//! Memory, IRQL and verifier of the kernel model: every bug check with its Windows code.

mod irql;
mod kernel;
mod lookaside;
mod machine;
mod pool;
mod services;
mod special_pool;
mod unload;
mod wait;
