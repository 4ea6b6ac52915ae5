//! Repair orders as OpenTrack shows them: open ones by STAR, closed ones by the direct service.

use super::customer::Customer;
use super::soap::{put, put_all};
use super::vehicle::day;
use crate::population::{RepairOrder, RoLine};

fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn hours(line: &RoLine) -> String {
    format!("{}.{}", line.tenths_of_hours / 10, line.tenths_of_hours % 10)
}

/// "SURNAME, GIVEN" and the address, as the document was printed.
fn party(customer: Option<&Customer>) -> [(String, String); 6] {
    let get = |name: &str| customer.map(|c| c.get(name).to_uppercase()).unwrap_or_default();
    let name = match (get("LastName"), get("FirstName")) {
        (last, first) if first.is_empty() => last,
        (last, first) => format!("{last}, {first}"),
    };
    [
        ("CustomerName".to_owned(), name),
        ("CustomerAddress1".to_owned(), get("Address1")),
        ("CustomerAddress2".to_owned(), String::new()),
        ("CustomerCity".to_owned(), get("City")),
        ("CustomerState".to_owned(), get("StateCode")),
        ("CustomerZipCode".to_owned(), get("ZipCode")),
    ]
}

/// `<OpenRepairOrder>` with its details.
pub(super) fn put_open(order: &RepairOrder, customer: Option<&Customer>, company: &str, xml: &mut String) {
    xml.push_str("<OpenRepairOrder>");
    let phone = customer.map(|c| c.get("PhoneNumber")).unwrap_or_default();
    put_all(
        xml,
        &[
            ("CompanyNumber", company),
            ("InternalKey", &order.number),
            ("CounterPersonID", ""),
            ("RecordStatus", ""),
            ("DocumentType", "RO"),
            ("TransactionType", "3"),
            ("OpenTransactionDate", &day(Some(order.opened_on))),
            ("RepairOrderNumber", &order.number),
            ("CustomerNumber", ""),
            ("CustomerKey", &order.customer_number),
        ],
    );
    for (place, (name, text)) in party(customer).iter().enumerate() {
        put(xml, name, text);
        if place == 0 {
            put(xml, "CustomerPhoneNumber", if phone.is_empty() { "0" } else { phone });
        }
    }
    put_all(
        xml,
        &[
            ("CustomerEmail", customer.map(|c| c.get("Email1")).unwrap_or_default()),
            ("ShipToKey", "0"),
            ("PriceLevel", "1"),
            ("PartsTotal", &dollars(order.parts_cents())),
            ("ReceiptNumber", "0"),
            ("ROStatus", "2"),
            ("ServiceWriterID", &order.advisor),
            ("ROTechnicianID", ""),
            ("TotalEstimate", &dollars(order.parts_cents() + order.labor_cents())),
            ("VIN", &order.vin),
            ("StockNumber", ""),
            ("OdometerIn", &order.odometer_in.to_string()),
            ("OdometerOut", "0"),
            ("TimeIn", "1109"),
            ("PromisedDateTime", &format!("{}1700", day(Some(order.opened_on)))),
            ("LaborTotal", &dollars(order.labor_cents())),
            ("SubletTotal", "0"),
            ("CustomerPayTotalDue", "0"),
            ("AppointmentDateTime", "0"),
        ],
    );
    xml.push_str("<Details>");
    for (place, line) in order.lines.iter().enumerate() {
        xml.push_str("<OpenRepairOrderDetail>");
        put_all(
            xml,
            &[
                ("ServiceLineNumber", &(place + 1).to_string()),
                ("LineType", "L"),
                ("SequenceNumber", "0"),
                ("TransDate", &day(Some(order.opened_on))),
                ("PartNumber", &line.part_number),
                ("NetPrice", &dollars(line.parts_cents)),
                ("Comments", &line.description),
                ("TechnicianID", &line.technician),
                ("LaborOpCode", &line.op_code),
                ("LaborHours", &hours(line)),
                ("ActualRetailAmount", &dollars(line.labor_cents)),
                ("DispatchStartTime", "1/1/0001 12:00:00 AM"),
            ],
        );
        xml.push_str("</OpenRepairOrderDetail>");
    }
    xml.push_str("</Details></OpenRepairOrder>");
}

/// The inside of `<ClosedRepairOrder>`; lines only where details were asked for.
pub(super) fn put_closed(
    order: &RepairOrder,
    customer: Option<&Customer>,
    company: &str,
    with_lines: bool,
    xml: &mut String,
) {
    let closed = day(order.closed_on);
    put_all(
        xml,
        &[
            ("CompanyNumber", company),
            ("RepairOrderNumber", &order.number),
            ("RepairOrderType", ""),
            ("WarrantyRONumber", "0"),
            ("ServiceWriterID", &order.advisor),
            ("ROTechnicianID", order.lines.first().map_or("", |line| line.technician.as_str())),
            ("CustomerKey", &order.customer_number),
        ],
    );
    for (name, text) in party(customer) {
        put(xml, &name, &text);
    }
    put_all(
        xml,
        &[
            ("ARCustomerKey", "0"),
            ("PaymentMethod", ""),
            ("OpenDate", &day(Some(order.opened_on))),
            ("CloseDate", &closed),
            ("FinalCloseDate", &closed),
            ("VIN", &order.vin),
            ("TotalEstimate", "0.00"),
            ("OdometerIn", &order.odometer_in.to_string()),
            ("OdometerOut", &(order.odometer_in + 1).to_string()),
            ("ReceiptNumber", "3"),
            ("PartsTotal", &dollars(order.parts_cents())),
            ("LaborTotal", &dollars(order.labor_cents())),
            ("SubletTotal", "0.00"),
            ("TotalSale", &dollars(order.parts_cents() + order.labor_cents())),
            ("TotalGross", &dollars(order.labor_cents() * 6 / 10)),
            ("TagNumber", ""),
            ("DateTimeOfAppointment", "0"),
            ("TowedInIndicator", ""),
        ],
    );
    if !with_lines {
        return;
    }
    xml.push_str("<Details>");
    for (place, line) in order.lines.iter().enumerate() {
        xml.push_str("<ClosedRepairOrderDetail>");
        put(xml, "LineNumber", &(place + 1).to_string());
        xml.push_str("<LaborDetails><Labor>");
        put_all(
            xml,
            &[
                ("LineType", "L"),
                ("LineSeqNumber", "1"),
                ("TransactionDate", &closed),
                ("LinePaymentMethod", "C"),
                ("TechnicianID", &line.technician),
                ("LaborOpCode", &line.op_code),
                ("LaborHours", &hours(line)),
                ("LaborAmount", &dollars(line.labor_cents)),
            ],
        );
        xml.push_str("</Labor></LaborDetails>");
        if !line.part_number.is_empty() {
            xml.push_str("<Parts><Part>");
            put_all(
                xml,
                &[
                    ("LineSeqNumber", "1"),
                    ("TransDate", &closed),
                    ("PartNumber", &line.part_number),
                    ("Quantity", "1"),
                    ("NetPrice", &dollars(line.parts_cents)),
                ],
            );
            xml.push_str("</Part></Parts>");
        }
        xml.push_str("<Comments><Comment>");
        put_all(xml, &[("LineSeqNumber", "1"), ("LineType", "C"), ("Text", &line.description)]);
        xml.push_str("</Comment></Comments></ClosedRepairOrderDetail>");
    }
    xml.push_str("</Details>");
}
