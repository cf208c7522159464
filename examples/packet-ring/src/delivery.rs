//! Who gives packets to requests: one thread at a time, so that both keep their order.

/// The state of the delivery, kept under the lock of the ring.
///
/// A thread that adds a packet or a request calls [`Delivery::start`], and delivers if that is true. When the
/// delivering thread has found no request, it calls [`Delivery::end`], and looks once more if that is false:
/// the thread that added one meanwhile has relied on it.
pub enum Delivery {
    /// No thread gives packets to requests.
    Idle,
    /// One thread gives packets to requests.
    Running,
    /// One thread does, and a packet or request was added since it looked last.
    LookAgain,
}

impl Delivery {
    /// Whether the caller is to deliver. If not, the thread that delivers looks again.
    pub fn start(&mut self) -> bool {
        match self {
            Self::Idle => {
                *self = Self::Running;
                true
            }
            Self::Running | Self::LookAgain => {
                *self = Self::LookAgain;
                false
            }
        }
    }

    /// Ends the delivery, unless the caller must look again.
    pub fn end(&mut self) -> bool {
        match self {
            Self::Idle | Self::Running => {
                *self = Self::Idle;
                true
            }
            Self::LookAgain => {
                *self = Self::Running;
                false
            }
        }
    }
}
