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
