//! The small integers by which a caller names its objects.

/// Names one object of one file object; never an address.
///
/// The low eight bits say where the object stands in its file object's table, the upper 24 are a
/// serial number that the device gives to every object it makes, beginning with 1. So a handle that
/// was deleted, or that another file object was given, fits no object of this one. A serial number
/// comes again only after 16,777,215 more objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(u32);

/// The greatest serial number.
const LAST_SERIAL: u32 = 0x00FF_FFFF;

impl Handle {
    /// The handle that names nothing.
    pub const NONE: Self = Self(0);

    /// The handle of the object at `index` with the serial number that `count` stands for, a count
    /// that may run past the greatest serial number.
    #[must_use]
    pub const fn new(index: u8, count: u32) -> Self {
        let serial = count % LAST_SERIAL + 1;
        Self(serial << 8 | index as u32)
    }

    /// A handle from its number, as a person wrote it or a request carries it.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number that stands for this handle in a request.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Where the object stands in its file object's table.
    #[must_use]
    pub const fn index(self) -> u8 {
        (self.0 & 0xFF) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_object_gets_the_handle_that_names_nothing() {
        for count in [
            0,
            1,
            LAST_SERIAL - 1,
            LAST_SERIAL,
            LAST_SERIAL + 1,
            u32::MAX,
        ] {
            assert_ne!(Handle::new(0, count), Handle::NONE);
        }
    }

    #[test]
    fn neighbouring_objects_get_different_serials_at_the_same_index() {
        for count in [0, LAST_SERIAL - 1, LAST_SERIAL] {
            assert_ne!(Handle::new(3, count), Handle::new(3, count + 1));
        }
    }

    #[test]
    fn the_index_survives() {
        for index in [0, 1, 63, 255] {
            assert_eq!(Handle::new(index, 77).index(), index);
        }
    }
}
