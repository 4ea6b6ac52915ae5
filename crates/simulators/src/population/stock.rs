//! Vehicles for sale.

use super::cars::{EXTERIORS, INTERIORS, MODELS, OPTIONS, vin};
use super::people::{NOW_YEAR, day_before};
use super::roll::Dice;
use super::{Rooftop, StockStatus, StockVehicle};

/// VIN serials of vehicles for sale start here, far from those of vehicles owned.
const SERIAL_FROM: u64 = 9_000_000;

/// The lots of all rooftops.
pub(super) fn inventory(seed: u64, customers: usize, rooftops: &[Rooftop]) -> Vec<StockVehicle> {
    let mut dice = Dice::new(seed, 2);
    let each = (customers / rooftops.len().max(1) / 12).clamp(24, 2_000);
    let mut serial = SERIAL_FROM;
    let mut lots = Vec::with_capacity(each * rooftops.len());
    for (place, rooftop) in rooftops.iter().enumerate() {
        let own: Vec<_> = MODELS.iter().filter(|model| model.make == rooftop.make).collect();
        for number in 0..each {
            serial += 1;
            let is_new = dice.hits(550) && !own.is_empty();
            let model = if is_new { dice.one(&own) } else { dice.one(MODELS) };
            let year = if is_new { NOW_YEAR + dice.within(0, 1) } else { NOW_YEAR - dice.within(1, 9) };
            let age = u32::try_from(NOW_YEAR + 1 - year).unwrap_or_default();
            let msrp = model.msrp + dice.within(0, 90) * 100;
            let worth = if is_new { msrp } else { msrp * (100 - (12 + age * 7).min(75)) / 100 };
            let price = if is_new { worth - dice.within(0, 20) * 100 } else { worth / 100 * 100 - 5 };
            let status = match dice.within(0, 99) {
                0..=79 => StockStatus::InStock,
                80..=87 => StockStatus::InTransit,
                88..=91 => StockStatus::OnHold,
                _ => StockStatus::Sold,
            };
            let mut vin = vin(model, year, serial);
            if dice.hits(10) {
                vin = with_wrong_check_digit(&vin);
            }
            let stock_number = format!("{}{}{:05}", rooftop.code, if is_new { 'N' } else { 'U' }, 10_000 + number);
            let in_stock_since = day_before(dice.within(1, 150));
            lots.push(StockVehicle {
                vin,
                rooftop: place,
                status,
                is_new,
                certified: !is_new && model.make == rooftop.make && dice.hits(500),
                year,
                make: model.make.to_owned(),
                model: model.model.to_owned(),
                trim: (*dice.one(model.trims)).to_owned(),
                body: model.body.to_owned(),
                exterior: (*dice.one(EXTERIORS)).to_owned(),
                interior: (*dice.one(INTERIORS)).to_owned(),
                odometer: if is_new { dice.within(3, 60) } else { age * dice.within(7_000, 14_000) },
                price,
                msrp,
                cost: price * 93 / 100,
                in_stock_since,
                sold_on: (status == StockStatus::Sold).then(|| day_before(0)),
                publish: !dice.hits(30),
                options: (0..dice.within(1, 5))
                    .map(|_| dice.one(OPTIONS))
                    .map(|(code, name)| ((*code).to_owned(), (*name).to_owned()))
                    .collect::<std::collections::BTreeMap<_, _>>()
                    .into_iter()
                    .collect(),
                photos: (1..=dice.within(0, 8))
                    .map(|photo| format!("https://photos.bayside.example/{stock_number}/{photo}.jpg"))
                    .collect(),
                stock_number,
            });
        }
    }
    lots
}

/// The same VIN as somebody mistyped it.
fn with_wrong_check_digit(vin: &str) -> String {
    vin.char_indices()
        .map(|(place, c)| match (place, c) {
            (8, 'X') => '0',
            (8, '9') => 'X',
            (8, digit) => char::from_digit(digit.to_digit(10).unwrap_or_default() + 1, 10).unwrap_or('0'),
            (_, c) => c,
        })
        .collect()
}
