//! How OpenTrack's payloads become canonical records by default, its dirty data included.

use domain::mapping::{Mapping, Read};
use domain::{Field, ObjectKind};

/// By these the DMS means "nothing", whatever the field.
const NOTHING: [&str; 5] = ["0", "0.00", "0001-01-01T00:00:00", "1/1/0001 12:00:00 AM", "000000000"];

/// The default mapping of an object.
pub(super) fn of(object: ObjectKind) -> Option<Mapping> {
    let mapping = Mapping::new(object).nothing(&NOTHING);
    match object {
        ObjectKind::Customer => Some(customer(mapping)),
        ObjectKind::Vehicle => Some(vehicle(mapping)),
        ObjectKind::Inventory => Some(inventory(mapping)),
        ObjectKind::RepairOrder => Some(repair_order(mapping)),
        ObjectKind::Deal | ObjectKind::Lead => None,
    }
}

/// Of a search result, and of a whole customer where the dealer wants every field.
fn customer(mapping: Mapping) -> Mapping {
    let kinds = [("I", "individual"), ("C", "business")];
    mapping
        .words(Field::CUSTOMER_KIND, "EntityType", &kinds)
        .words(Field::CUSTOMER_KIND, "TypeCode", &kinds)
        .take(Field::FIRST_NAME, "FirstName")
        .take(Field::MIDDLE_NAME, "MiddleName")
        .take(Field::LAST_NAME, "@surname")
        .take(Field::NAME_SUFFIX, "@suffix")
        .take(Field::COMPANY_NAME, "@company")
        .take(Field::EMAIL, "Email1")
        .take(Field::EMAIL_OTHER, "Email2")
        .take(Field::PHONE_MOBILE, "CellPhone")
        .take(Field::PHONE_HOME, "HomePhone")
        .take(Field::PHONE_HOME, "PhoneNumber")
        .take(Field::PHONE_WORK, "BusinessPhone")
        .take(Field::STREET, "Address1")
        .take(Field::CITY, "City")
        .take(Field::STATE, "State")
        .take(Field::STATE, "StateCode")
        .take(Field::ZIP, "ZipCode")
        .rule(Field::BIRTH_DATE, "BirthDate", Read::Dated("%Y%m%d".to_owned()))
        .take(Field::DRIVER_LICENCE, "DriversLicense")
        .take(Field::CONSENT_EMAIL, "AllowContactByEmail")
        .take(Field::CONSENT_CALL, "AllowContactByPhone")
        // One flag for the phone: a no covers texts too, a yes to calls is none to texts.
        .words(Field::CONSENT_TEXT, "AllowContactByPhone", &[("N", "opted_out"), ("Y", "")])
        .take(Field::CONSENT_MAIL, "AllowContactByPostal")
        .known(&[
            "CompanyNumber",
            "CustomerNumber",
            "LastName",
            "Salutation",
            "Gender",
            "Language",
            "Address2",
            "Address3",
            "County",
            "BusinessPhoneExt",
            "BusinessExt",
            "FaxPhone",
            "FaxNumber",
            "Contact",
            "PreferredContact",
            "MailCode",
            "TaxExmptNumber",
            "TaxExemptNumber",
            "AssignedSalesperson",
            "CustomerType",
            "PreferredPhone",
            "PagePhone",
            "OtherPhone",
            "OtherPhoneDesc",
            "OptionalField",
            "BusinessPhoneExtension",
            "InternationalBusinessPhone",
            "InternationalCellPhone",
            "ExternalCrossReferenceKey",
            "InternationalFaxNumber",
            "InternationalOtherPhone",
            "InternationalHomePhone",
            "CustomerPreferredName",
            "InternationalPagerPhone",
            "PreferredLanguage",
            "InternationalZipCode",
            "LastChangeDate",
            "Vehicles",
        ])
}

fn vehicle(mapping: Mapping) -> Mapping {
    mapping
        .take(Field::VEHICLE_VIN, "VIN")
        .take(Field::VEHICLE_OWNER, "Customers.CustomerNumber")
        .take(Field::VEHICLE_YEAR, "ModelYear")
        .take(Field::VEHICLE_MAKE, "Make")
        .take(Field::VEHICLE_MODEL, "Model")
        .take(Field::VEHICLE_LAST_SERVICE, "LastServiceDate")
        .known(&["CompanyNumber", "StockNumber", "StockStatus", "Type", "StockDate"])
}

fn inventory(mapping: Mapping) -> Mapping {
    mapping
        .take(Field::STOCK_NUMBER, "StockNumber")
        .take(Field::STOCK_VIN, "VIN")
        .words(
            Field::STOCK_STATUS,
            "Status",
            &[
                ("I", "in_stock"),
                ("T", "in_transit"),
                ("O", "in_transit"),
                ("H", "on_hold"),
                ("S", "sold"),
                // A customer's: it was sold and belongs to somebody.
                ("C", "sold"),
            ],
        )
        .words(Field::STOCK_CONDITION, "TypeNU", &[("N", "new"), ("U", "used")])
        .take(Field::STOCK_CERTIFIED, "CertifiedUsedCar")
        .take(Field::STOCK_YEAR, "ModelYear")
        .take(Field::STOCK_MAKE, "Make")
        .take(Field::STOCK_MODEL, "Model")
        .take(Field::STOCK_TRIM, "Trim")
        .take(Field::STOCK_BODY, "BodyStyle")
        .take(Field::STOCK_EXTERIOR, "Color")
        .take(Field::STOCK_ODOMETER, "Odometer")
        .take(Field::STOCK_PRICE, "ListPrice")
        .take(Field::STOCK_COST, "VehicleCost")
        .rule(Field::STOCK_SINCE, "DateInInventory", Read::Dated("%Y%m%d".to_owned()))
        .take(Field::STOCK_PUBLISH, "PublishVehicleInfoToWeb")
        .rule(Field::STOCK_OPTIONS, "Options.VehicleOption", Read::Whole)
        .known(&[
            "CompanyNumber",
            "DocumentNumber",
            "GLApplied",
            "BusinessOfficeFranchiseCode",
            "ServiceFranchiseCode",
            "ManufacturerCode",
            "VehicleCode",
            "ModelCode",
            "FuelType",
            "MPG",
            "Cylinders",
            "Truck",
            "FourWheelDrive",
            "Turbo",
            "ColorCode",
            "EngineCode",
            "TransmissionCode",
            "IgnitionKeyCode",
            "TrunkKeyCode",
            "KeylessCode",
            "RadioCode",
            "WheelLockCode",
            "DealerCode",
            "Location",
            "DateInService",
            "DateDelivered",
            "DateOrdered",
            "SaleAccount",
            "InventoryAccount",
            "DemoName",
            "WarrantyMonths",
            "WarrantyMiles",
            "WarrantyDeduct",
            "OptionPackage",
            "LicenseNumber",
            "GrossWeight",
            "WorkInProcess",
            "InspectionMonth",
            "OdometerActual",
            "CustomerKey",
            "KeyToCAPExplosionData",
            "CO2EmissionCode",
            "RegistrationDate",
            "FundingExpirationDate",
            "InspectionDate",
            "DriversSide",
            "FreeFlooringPeriod",
            "OrderedStatus",
            "Sale",
            "LastServiceDate",
            "NextServiceDate",
            "OptionalFields",
        ])
}

/// Of an open and of a closed one: `@element` says which.
fn repair_order(mapping: Mapping) -> Mapping {
    let day = || Read::Dated("%Y%m%d".to_owned());
    mapping
        .take(Field::RO_NUMBER, "RepairOrderNumber")
        .take(Field::RO_CUSTOMER, "CustomerKey")
        .take(Field::RO_VIN, "VIN")
        .words(Field::RO_STATUS, "@element", &[("OpenRepairOrder", "open"), ("ClosedRepairOrder", "closed")])
        .rule(Field::RO_OPENED_ON, "OpenDate", day())
        .rule(Field::RO_OPENED_ON, "OpenTransactionDate", day())
        .rule(Field::RO_CLOSED_ON, "FinalCloseDate", day())
        .rule(Field::RO_CLOSED_ON, "CloseDate", day())
        .take(Field::RO_ODOMETER_IN, "OdometerIn")
        .take(Field::RO_ODOMETER_OUT, "OdometerOut")
        .take(Field::RO_ADVISOR, "ServiceWriterID")
        .take(Field::RO_PARTS_TOTAL, "PartsTotal")
        .take(Field::RO_LABOR_TOTAL, "LaborTotal")
        .take(Field::RO_TOTAL, "TotalSale")
        .rule(Field::RO_LINES, "Details.ClosedRepairOrderDetail", Read::Whole)
        .rule(Field::RO_LINES, "Details.OpenRepairOrderDetail", Read::Whole)
        .known(ORDER_KNOWN)
}

/// What open and closed repair orders hold beyond that.
const ORDER_KNOWN: &[&str] = &[
    "CompanyNumber",
    "InternalKey",
    "CounterPersonID",
    "RecordStatus",
    "DocumentType",
    "TransactionType",
    "CustomerNumber",
    "CustomerName",
    "CustomerPhoneNumber",
    "CustomerAddress1",
    "CustomerAddress2",
    "CustomerCity",
    "CustomerState",
    "CustomerZipCode",
    "CustomerEmail",
    "ShipToKey",
    "PaymentMethod",
    "SaleType",
    "PriceLevel",
    "TaxExempt",
    "ShippingTotal",
    "SpecialOrderDeposit",
    "SpecialOrderDepositCR",
    "SpecialOrderDepositPercent",
    "SpecialOrderDepositOverride",
    "SpecialOrderOnHold",
    "PartsSalesTax1",
    "PartsSalesTax2",
    "PartsSalesTax3",
    "PartsSalesTax4",
    "CounterPersonName",
    "SortKey",
    "AuthorizeCounterPersonID",
    "CreditCardARCustomerNumber",
    "PurchaseOrderNumber",
    "ReceiptNumber",
    "OriginalDocNumber",
    "InternalAccountNumber",
    "ROType",
    "ROStatus",
    "WarrantyRO",
    "PartsApproved",
    "ServiceApproved",
    "ROTechnicianID",
    "TotalEstimate",
    "ServiceContractComp",
    "ServiceContractComp2",
    "ServiceContractDeduct",
    "ServiceContractDeduct2",
    "WarrantyDeduct",
    "StockNumber",
    "Make",
    "Model",
    "ModelYear",
    "Truck",
    "FranchiseCode",
    "TimeIn",
    "PromisedDateTime",
    "RemainingTime",
    "TagNumber",
    "CheckNumber",
    "HeaderComments",
    "ShopSupplyOverride",
    "HazardousMaterialOverride",
    "SubletTotal",
    "SCDeductPaid",
    "CustomerPayHazardousMaterial",
    "CustomerPayTax1",
    "CustomerPayTax2",
    "CustomerPayTax3",
    "CustomerPayTax4",
    "WarrantyTax1",
    "WarrantyTax2",
    "WarrantyTax3",
    "WarrantyTax4",
    "InternalTax1",
    "InternalTax2",
    "InternalTax3",
    "InternalTax4",
    "ServiceContractTax1",
    "ServiceContractTax2",
    "ServiceContractTax3",
    "ServiceContractTax4",
    "CustomerPayShopSup",
    "WarrantyShopSup",
    "InternalShopSup",
    "ServiceContractShopSup",
    "CouponNumber",
    "CouponDiscount",
    "TotalCouponDiscount",
    "PaidByManufacturer",
    "PaidByDealer",
    "CustomerPayTotalDue",
    "OrderStatus",
    "DateToArrive",
    "ARCustomerKey",
    "WarrantyRONumber",
    "WorkStationID",
    "InternalAuthorizedBy",
    "AppointmentDateTime",
    "DateTimeLastLineComplete",
    "DateTimePreInvoiced",
    "InternalPayType",
    "RepairOrderPriority",
    "DailyRentalAgreementNumber",
    "TowedInIndicator",
    "LastModified",
    "Details",
    "RepairOrderType",
    "ServiceContractDeductPaid",
    "ServiceContractTotal",
    "SpecialOrderDeposits",
    "CustomerPayHazardousMaterials",
    "CustomerPaySaleTax",
    "WarrantySaleTax",
    "InternalSaleTax",
    "ServiceContractSaleTax",
    "TotalGross",
    "InternalAuthBy",
    "DateTimeOfAppointment",
    "PhoneNumber",
    "CloseDate",
    "OpenTransactionDate",
    "OpenDate",
];

#[cfg(test)]
mod tests {
    //! Payloads with the dirt of the vendor's own samples.
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::opentrack::customers::payload;
    use crate::xml;
    use domain::check::check;
    use domain::{Record, Value};

    fn read(object: ObjectKind, text: &str) -> Record {
        let (_, mut body) = xml::parse(text).unwrap();
        if object == ObjectKind::Customer {
            body = payload("1".to_owned(), body.as_object().unwrap().clone(), None).body;
        }
        let mapping = of(object).unwrap();
        let draft = mapping.apply(&body);
        assert_eq!(draft.unknown, [""; 0], "the vendor's own names are taken for drift");
        check(&draft).record
    }

    fn plain(record: &Record) -> Vec<(&'static str, String)> {
        record.fields().map(|(field, value)| (field.name(), value.to_plain())).collect()
    }

    #[test]
    fn a_customer_of_zeros_and_blanks_keeps_only_what_is_known() {
        let record = read(
            ObjectKind::Customer,
            "<CustomerSearchResult><CompanyNumber>ZE7</CompanyNumber><CustomerNumber>1000165</CustomerNumber>\
             <EntityType>I</EntityType><LastName>FISHER</LastName><FirstName>FISHER</FirstName><MiddleName />\
             <Salutation /><Address1 /><City /><State>FL</State><ZipCode>0</ZipCode><County />\
             <HomePhone>2374624673</HomePhone><CellPhone>0</CellPhone><BusinessPhone>0</BusinessPhone>\
             <BusinessPhoneExt>0</BusinessPhoneExt><FaxPhone>0</FaxPhone><Email1>CD</Email1><Email2 /><Vehicles />\
             <AllowContactByPostal>Y</AllowContactByPostal><AllowContactByPhone>N</AllowContactByPhone>\
             <AllowContactByEmail></AllowContactByEmail></CustomerSearchResult>",
        );
        let expected = [
            ("kind", "individual"),
            ("first_name", "Fisher"),
            ("last_name", "Fisher"),
            ("phone_home", "+12374624673"),
            ("state", "FL"),
            ("consent_call", "opted_out"),
            ("consent_text", "opted_out"),
            ("consent_mail", "opted_in"),
        ];
        assert_eq!(plain(&record), expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn a_company_is_no_surname_and_nine_digits_are_a_zip() {
        let record = read(
            ObjectKind::Customer,
            "<CustomerSearchResult><EntityType>C</EntityType><LastName>A SAMPLE LIMO INC</LastName><FirstName />\
             <Address1>6916 W UNIVERSITY AVE</Address1><City>GAINESVILLE</City><State>FL</State>\
             <ZipCode>326071610</ZipCode><HomePhone>3522785799</HomePhone></CustomerSearchResult>",
        );
        assert_eq!(record.text(Field::COMPANY_NAME), Some("A Sample Limo INC"));
        assert_eq!((record.get(Field::LAST_NAME), record.text(Field::ZIP)), (None, Some("32607")));
        assert_eq!(record.text(Field::CUSTOMER_KIND), Some("business"));
    }

    #[test]
    fn a_looked_up_customer_maps_under_its_other_names() {
        let record = read(
            ObjectKind::Customer,
            "<Customer><TypeCode></TypeCode><LastName>DE LA CRUZ JR.</LastName><FirstName>PAUL</FirstName>\
             <StateCode>FL</StateCode><ZipCode>341100000</ZipCode><PhoneNumber>4075558899</PhoneNumber>\
             <BirthDate>19700102</BirthDate><DriversLicense>X1</DriversLicense><TaxExmptNumber/>\
             <ExternalCrossReferenceKey>0</ExternalCrossReferenceKey><LastChangeDate>20120716</LastChangeDate>\
             <InternationalZipCode>341100000</InternationalZipCode></Customer>",
        );
        let expected = [
            ("kind", "individual"),
            ("first_name", "Paul"),
            ("last_name", "De La Cruz"),
            ("suffix", "JR"),
            ("phone_home", "+14075558899"),
            ("state", "FL"),
            ("zip", "34110"),
            ("birth_date", "1970-01-02"),
            ("driver_licence", "X1"),
        ];
        let found = plain(&record);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (name, text) in expected {
            assert!(found.iter().any(|(n, t)| *n == name && t.eq_ignore_ascii_case(text)), "{name}: {found:?}");
        }
    }

    #[test]
    fn vehicles_of_any_age_are_read() {
        let of = |vin: &str, year: &str, served: &str| {
            read(
                ObjectKind::Vehicle,
                &format!(
                    "<VehicleSearchResult><CompanyNumber>DT1</CompanyNumber><VIN>{vin}</VIN><StockNumber/>\
                     <StockStatus>C</StockStatus><Make>FORD</Make><Model>MUSTANG</Model><ModelYear>{year}</ModelYear>\
                     <Type>U</Type><StockDate>0</StockDate><LastServiceDate>{served}</LastServiceDate><Customers>\
                     <CustomerNumber>2203705</CustomerNumber><CustomerNumber>254654</CustomerNumber></Customers>\
                     </VehicleSearchResult>"
                ),
            )
        };
        let blank = of(" JF1GD67656G511824", "2006", "2012-10-15T00:00:00");
        assert_eq!(blank.text(Field::VEHICLE_VIN), Some("JF1GD67656G511824"));
        assert_eq!(blank.text(Field::VEHICLE_OWNER), Some("2203705"));
        assert_eq!(blank.get(Field::VEHICLE_LAST_SERVICE).map(Value::to_plain).as_deref(), Some("2012-10-15"));
        let oldtimer = of("6T07C175788", "1965", "0001-01-01T00:00:00");
        assert_eq!(oldtimer.text(Field::VEHICLE_VIN), Some("6T07C175788"));
        assert_eq!(oldtimer.get(Field::VEHICLE_LAST_SERVICE), None);
        assert_eq!(of("77777777777777777", "0", "0").get(Field::VEHICLE_VIN), None);
    }

    #[test]
    fn open_and_closed_repair_orders_become_the_same_record() {
        let open = read(
            ObjectKind::RepairOrder,
            "<R><OpenTransactionDate>20130206</OpenTransactionDate><RepairOrderNumber>6000551</RepairOrderNumber>\
             <PromisedDateTime>201302060000</PromisedDateTime><OdometerOut>0</OdometerOut></R>",
        );
        let closed = read(
            ObjectKind::RepairOrder,
            "<R><RepairOrderNumber>6000551</RepairOrderNumber><OpenDate>20130206</OpenDate>\
             <CloseDate>20130207</CloseDate><FinalCloseDate>0</FinalCloseDate><OdometerOut>0</OdometerOut>\
             <DateTimeOfAppointment>0</DateTimeOfAppointment><TotalSale>236.65</TotalSale></R>",
        );
        assert_eq!(open.get(Field::RO_OPENED_ON), closed.get(Field::RO_OPENED_ON));
        assert_eq!(closed.get(Field::RO_CLOSED_ON).map(Value::to_plain).as_deref(), Some("2013-02-07"));
        assert_eq!(closed.get(Field::RO_ODOMETER_OUT), None);
        assert_eq!(closed.get(Field::RO_TOTAL).map(Value::to_plain).as_deref(), Some("236.65"));
    }
}
