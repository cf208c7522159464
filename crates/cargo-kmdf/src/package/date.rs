//! Days and moments of the calendar, in universal time.

use std::fmt;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year of the Gregorian calendar.
    pub year: i64,
    /// From 1 to 12.
    pub month: i64,
    /// From 1 to 31.
    pub day: i64,
}

impl Date {
    /// The day of a moment in seconds since 1970, in universal time.
    pub fn of(seconds: i64) -> Self {
        // Counts from the first of March of the year 0, so that a leap day ends its year.
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:02}/{:02}/{:04}",
            self.month, self.day, self.year
        )
    }
}

/// A moment as certificates and catalogs write it: `YYMMDDhhmmssZ`.
pub fn utc_time(seconds: i64) -> String {
    let Date { year, month, day } = Date::of(seconds);
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let year = year.rem_euclid(100);
    format!("{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_right_around_leap_days_and_year_ends() {
        for (seconds, expected) in [
            (0, "01/01/1970"),
            (-1, "12/31/1969"),
            (951_782_400, "02/29/2000"),
            (1_709_164_800, "02/29/2024"),
            (1_735_689_599, "12/31/2024"),
            (1_795_219_200, "11/21/2026"),
            (4_107_542_400, "03/01/2100"),
        ] {
            assert_eq!(Date::of(seconds).to_string(), expected);
        }
    }

    #[test]
    fn a_moment_is_written_with_two_digits_each() {
        assert_eq!(utc_time(1_795_219_200 + 3_661), "261121010101Z");
        assert_eq!(utc_time(951_782_399), "000228235959Z");
    }
}
