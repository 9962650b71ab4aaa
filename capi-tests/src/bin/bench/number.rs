//! Figures as people read them.

/// Two or three digits that count, with a prefix: "5.4M".
pub fn short(number: f64) -> String {
    let scales = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];
    let text = |(scale, prefix): (f64, &str)| {
        let number = number / scale;
        // As many digits as there are left when it is rounded.
        let digits = match number {
            ..0.995 => 2,
            ..9.95 => 1,
            _ => 0,
        };
        format!("{number:.digits$}{prefix}")
    };
    // The next prefix, if rounding reaches it.
    let fitting = scales
        .iter()
        .rev()
        .find(|(scale, _)| number >= scale * 0.9995);
    text(*fitting.unwrap_or(&scales[0]))
}

/// A ratio: "0.87", "3.2", "12".
pub fn ratio(number: f64) -> String {
    match number {
        ..1.995 => format!("{number:.2}"),
        ..9.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// A size in bytes: "64 B", "4 KiB".
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rounding must not show "1000k" or "10.0".
    #[test]
    fn rounds_to_the_next_prefix() {
        for (number, text) in [
            (0.5, "0.50"),
            (1.0, "1.0"),
            (9.96, "10"),
            (52.4, "52"),
            (999.0, "999"),
            (999.6, "1.0k"),
            (5_432_100.0, "5.4M"),
            (999_900.0, "1.0M"),
            (48_000.0, "48k"),
        ] {
            assert_eq!(short(number), text);
        }
        assert_eq!([0.874, 1.996, 9.97].map(ratio), ["0.87", "2.0", "10"]);
        assert_eq!(
            [1, 1024, 65_536, 1 << 20].map(size),
            ["1 B", "1 KiB", "64 KiB", "1 MiB"]
        );
    }
}
