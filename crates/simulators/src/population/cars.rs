//! Makes, models and VINs whose check digit holds.

/// One model as it is sold.
#[derive(Debug)]
pub(super) struct Model {
    pub make: &'static str,
    pub model: &'static str,
    pub trims: &'static [&'static str],
    pub body: &'static str,
    /// World manufacturer identifier, the first three characters of the VIN.
    pub wmi: &'static str,
    /// Positions 4 to 8.
    pub descriptor: &'static str,
    /// List price of a new one, in dollars.
    pub msrp: u32,
}

const fn model(
    make: &'static str,
    model: &'static str,
    body: &'static str,
    (wmi, descriptor): (&'static str, &'static str),
    msrp: u32,
    trims: &'static [&'static str],
) -> Model {
    Model { make, model, trims, body, wmi, descriptor, msrp }
}

/// What is on the road, most frequent first within a make.
pub(super) const MODELS: &[Model] = &[
    model("Ford", "F-150", "Pickup", ("1FT", "EW1E5"), 52_000, &["XL", "XLT", "Lariat", "King Ranch", "Platinum"]),
    model("Ford", "Explorer", "SUV", ("1FM", "SK7DH"), 43_000, &["Base", "XLT", "Limited", "ST"]),
    model("Ford", "Escape", "SUV", ("1FM", "CU9G6"), 32_000, &["S", "SE", "SEL", "Titanium"]),
    model("Ford", "Bronco", "SUV", ("1FM", "DE5BH"), 46_000, &["Base", "Big Bend", "Outer Banks", "Wildtrak"]),
    model("Ford", "Mustang", "Coupe", ("1FA", "6P8TH"), 38_000, &["EcoBoost", "GT", "Mach 1"]),
    model("Ford", "Maverick", "Pickup", ("3FT", "TW8E3"), 28_000, &["XL", "XLT", "Lariat"]),
    model("Ford", "Fusion", "Sedan", ("3FA", "6P0H7"), 27_000, &["S", "SE", "Titanium"]),
    model("Ford", "Transit", "Van", ("1FT", "BW2CM"), 49_000, &["150", "250", "350"]),
    model("Toyota", "Camry", "Sedan", ("4T1", "G11AK"), 29_000, &["LE", "SE", "XLE", "XSE"]),
    model("Toyota", "RAV4", "SUV", ("2T3", "P1RFV"), 31_000, &["LE", "XLE", "Adventure", "Limited"]),
    model("Toyota", "Corolla", "Sedan", ("5YF", "EPMAE"), 24_000, &["L", "LE", "SE", "XSE"]),
    model("Toyota", "Tacoma", "Pickup", ("3TM", "CZ5AN"), 38_000, &["SR", "SR5", "TRD Sport", "TRD Off-Road"]),
    model("Toyota", "Highlander", "SUV", ("5TD", "GZRBH"), 42_000, &["LE", "XLE", "Limited", "Platinum"]),
    model("Toyota", "Tundra", "Pickup", ("5TF", "LA5DB"), 51_000, &["SR", "SR5", "Limited", "1794"]),
    model("Toyota", "Prius", "Hatchback", ("JTD", "ACAAJ"), 29_000, &["LE", "XLE", "Limited"]),
    model("Toyota", "4Runner", "SUV", ("JTE", "BU5JR"), 44_000, &["SR5", "TRD Pro", "Limited"]),
    model(
        "Chevrolet",
        "Silverado 1500",
        "Pickup",
        ("1GC", "UDDED"),
        49_000,
        &["WT", "LT", "RST", "LTZ", "High Country"],
    ),
    model("Chevrolet", "Equinox", "SUV", ("2GN", "AXUEV"), 29_000, &["LS", "LT", "RS", "Premier"]),
    model("Chevrolet", "Tahoe", "SUV", ("1GN", "SKNKD"), 62_000, &["LS", "LT", "RST", "Z71", "Premier"]),
    model("Chevrolet", "Malibu", "Sedan", ("1G1", "ZD5ST"), 26_000, &["LS", "RS", "LT"]),
    model("Chevrolet", "Traverse", "SUV", ("1GN", "EVGKW"), 40_000, &["LS", "LT", "RS", "Premier"]),
    model("Chevrolet", "Colorado", "Pickup", ("1GC", "GTCEN"), 33_000, &["WT", "LT", "Z71"]),
    model("Chevrolet", "Corvette", "Coupe", ("1G1", "YB2D4"), 69_000, &["Stingray", "Z06"]),
    model("Chevrolet", "Trax", "SUV", ("KL7", "CJPSB"), 22_000, &["LS", "1RS", "LT"]),
    model("Honda", "CR-V", "SUV", ("2HK", "RW2H8"), 32_000, &["LX", "EX", "EX-L", "Touring"]),
    model("Honda", "Civic", "Sedan", ("2HG", "FE2F5"), 25_000, &["LX", "Sport", "EX"]),
    model("Honda", "Accord", "Sedan", ("1HG", "CV1F3"), 29_000, &["LX", "EX", "Sport", "Touring"]),
    model("Nissan", "Rogue", "SUV", ("5N1", "AT2MV"), 30_000, &["S", "SV", "SL"]),
    model("Nissan", "Altima", "Sedan", ("1N4", "BL4BV"), 27_000, &["S", "SV", "SR"]),
    model("Jeep", "Grand Cherokee", "SUV", ("1C4", "RJFAG"), 43_000, &["Laredo", "Limited", "Overland"]),
    model("Jeep", "Wrangler", "SUV", ("1C4", "HJXDG"), 42_000, &["Sport", "Sahara", "Rubicon"]),
    model("Hyundai", "Tucson", "SUV", ("KM8", "JBCAE"), 29_000, &["SE", "SEL", "Limited"]),
    model("Kia", "Sorento", "SUV", ("5XY", "RK4LF"), 33_000, &["LX", "S", "EX", "SX"]),
    model("Subaru", "Outback", "Wagon", ("4S4", "BTACC"), 31_000, &["Base", "Premium", "Limited"]),
    model("Ram", "1500", "Pickup", ("1C6", "SRFFT"), 48_000, &["Tradesman", "Big Horn", "Laramie"]),
    model("GMC", "Sierra 1500", "Pickup", ("1GT", "U9DED"), 51_000, &["Pro", "SLE", "SLT", "Denali"]),
    model("BMW", "X3", "SUV", ("5UX", "TY5C0"), 48_000, &["sDrive30i", "xDrive30i", "M40i"]),
    model("Lexus", "RX 350", "SUV", ("2T2", "AAMCA"), 50_000, &["Base", "Premium", "F Sport"]),
    model("Mazda", "CX-5", "SUV", ("JM3", "KFBCM"), 30_000, &["S", "Preferred", "Premium"]),
    model("Volkswagen", "Tiguan", "SUV", ("3VV", "RB7AX"), 30_000, &["S", "SE", "SEL"]),
];

/// Colors outside and inside.
pub(super) const EXTERIORS: &[&str] = &[
    "Oxford White",
    "Shadow Black",
    "Silver",
    "Magnetic Gray",
    "Race Red",
    "Velocity Blue",
    "Midnight Black",
    "Blizzard Pearl",
    "Celestial Silver",
    "Ruby Flare",
    "Summit White",
    "Mosaic Black",
    "Cherry Red",
    "Blueprint",
    "Summer Green",
    "Desert Sand",
];
/// Colors inside.
pub(super) const INTERIORS: &[&str] = &["Black", "Gray", "Ebony", "Sandstone", "Medium Stone", "Jet Black", "Ash"];

/// Options with their codes.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("A/C", "AirConditioning"),
    ("ABS", "AntiLockBrakes"),
    ("NAV", "Navigation"),
    ("ROOF", "Panoramic roof"),
    ("TOW", "Trailer tow package"),
    ("LTHR", "Leather seats"),
    ("HTD", "Heated seats"),
    ("BLIS", "Blind spot monitor"),
    ("CPLY", "Apple CarPlay"),
    ("4WD", "Four-wheel drive"),
    ("RMST", "Remote start"),
    ("PKAS", "Park assist"),
];

/// Weights and values of 49 CFR 565.15, tables III and IV.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
/// The character of a model year, from 1980 on; repeats after 30 years.
const YEARS: &[u8; 30] = b"ABCDEFGHJKLMNPRSTVWXY123456789";
const PLANTS: &[u8; 12] = b"ABCDEFGHKLMP";

fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'N' => u32::from(byte - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => 0,
    }
}

/// The check digit of a VIN whose ninth character may be anything.
pub(super) fn check_digit(vin: &str) -> char {
    let sum: u32 = vin.bytes().zip(WEIGHTS).map(|(byte, weight)| value(byte) * weight).sum();
    char::from_digit(sum % 11, 10).unwrap_or('X')
}

/// A VIN of this model and year; different `serial`s give different VINs.
pub(super) fn vin(model: &Model, year: i32, serial: u64) -> String {
    let year_place = usize::try_from((year - 1980).rem_euclid(30)).unwrap_or_default();
    let year_char = YEARS.get(year_place).copied().map_or('A', char::from);
    // Any 12 × 999,983 consecutive serials stay apart; the factor is coprime to the modulus and only scatters them.
    let scattered = (serial % 999_983) * 7_919 % 999_983;
    let plant_place = usize::try_from(serial / 999_983 % 12).unwrap_or_default();
    let plant = PLANTS.get(plant_place).copied().map_or('A', char::from);
    let open = format!("{}{}0{year_char}{plant}{scattered:06}", model.wmi, model.descriptor);
    let digit = check_digit(&open);
    open.char_indices().map(|(place, c)| if place == 8 { digit } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::vin::Vin;

    #[test]
    fn every_vin_that_is_made_is_valid_and_none_comes_twice() {
        let mut seen = std::collections::HashSet::new();
        for (place, model) in MODELS.iter().enumerate() {
            for year in [1998, 2009, 2010, 2020, 2027] {
                for serial in 0..20_u64 {
                    let vin = vin(model, year, serial + 100 * u64::try_from(place).unwrap_or_default());
                    let parsed = Vin::parse(&vin);
                    assert!(parsed.as_ref().is_ok_and(Vin::check_digit_holds), "{vin}: {parsed:?}");
                    assert!(seen.insert(vin.clone()), "{vin} came twice");
                }
            }
        }
    }
}
