//! A lead as the website sends it: an ADF 1.0 document.

use super::Lead;
use quick_xml::escape::escape;
use std::fmt::Write;

impl Lead {
    /// The document, addressed to a dealership.
    #[must_use]
    pub fn adf(&self, dealership: &str) -> String {
        let contact = &self.contact;
        let condition = if self.is_new { "new" } else { "used" };
        let mut xml = Xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?adf version=\"1.0\"?>\n".to_owned());
        xml.0.push_str("<adf><prospect status=\"new\">");
        xml.element(&format!("id sequence=\"1\" source=\"{}\"", escape(&self.source)), &self.id);
        xml.element("requestdate", &self.requested_at.to_rfc3339());
        write!(xml.0, "<vehicle interest=\"{}\" status=\"{condition}\">", escape(&self.interest)).ok();
        xml.element("year", &self.year.to_string());
        xml.element("make", &self.make);
        xml.element("model", &self.model);
        xml.element("trim", &self.trim);
        xml.0.push_str("</vehicle><customer><contact>");
        xml.element("name part=\"first\"", &contact.first_name);
        xml.element("name part=\"middle\"", &contact.middle_name);
        xml.element("name part=\"last\"", &contact.last_name);
        xml.element("name part=\"full\" type=\"business\"", &contact.company_name);
        xml.element("email", &contact.email);
        xml.element("phone type=\"cellphone\"", &contact.phone_mobile);
        xml.element("phone type=\"home\"", &contact.phone_home);
        if !contact.street.is_empty() {
            xml.0.push_str("<address>");
            xml.element("street line=\"1\"", &contact.street);
            xml.element("city", &contact.city);
            xml.element("regioncode", &contact.state);
            xml.element("postalcode", &contact.zip);
            xml.0.push_str("</address>");
        }
        xml.0.push_str("</contact>");
        xml.element("comments", &self.comments);
        xml.0.push_str("</customer><vendor>");
        xml.element("vendorname", dealership);
        xml.0.push_str("<contact>");
        xml.element("name part=\"full\"", dealership);
        xml.0.push_str("</contact></vendor><provider>");
        xml.element("name part=\"full\"", &self.provider);
        xml.0.push_str("</provider></prospect></adf>\n");
        xml.0
    }
}

struct Xml(String);

impl Xml {
    /// An element with its attributes and its text; nothing where there is no text.
    fn element(&mut self, opening: &str, text: &str) {
        if !text.is_empty() {
            let name = opening.split(' ').next().unwrap_or(opening);
            // Writing to a string does not fail.
            write!(self.0, "<{opening}>{}</{name}>", escape(text)).ok();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::bayside;
    use crate::adf::validate;

    #[test]
    fn every_lead_is_a_document_that_the_strictest_receiver_takes() {
        let population = bayside(300);
        assert!(!population.leads.is_empty());
        for lead in &population.leads {
            let taken = validate(&lead.adf("Bayside Ford & Co")).unwrap();
            assert_eq!(taken.len(), 1, "{}", lead.id);
        }
    }
}
