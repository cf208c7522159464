//! Days of the calendar, in universal time.

use std::fmt;
use std::time::Duration;
use x509_cert::der::DateTime;

/// A day, written as an INF's DriverVer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year of the Gregorian calendar.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
}

impl Date {
    /// The day of a moment in seconds since 1970; a moment before 1970, or after the year 9999, is
    /// that of the limit.
    pub fn of(seconds: i64) -> Self {
        let since = Duration::from_secs(seconds.max(0).unsigned_abs());
        let time = DateTime::from_unix_duration(since).unwrap_or(DateTime::INFINITY);
        Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(formatter, "{month:02}/{day:02}/{year:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn a_day_is_written_with_its_month_first() {
        for (seconds, expected) in [
            (i64::MIN, "01/01/1970"),
            (951_782_400, "02/29/2000"),
            (1_735_689_599, "12/31/2024"),
            (1_795_219_200, "11/21/2026"),
            (4_107_542_400, "03/01/2100"),
            (i64::MAX, "12/31/9999"),
        ] {
            assert_eq!(Date::of(seconds).to_string(), expected);
        }
    }
}
