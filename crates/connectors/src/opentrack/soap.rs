//! The wire: both envelopes, WS-Security, and what a reply really says.

use crate::access::Access;
use crate::error::{ConnectorError, short};
use crate::vendor_http::{Answer, Effect, check_url};
use crate::xml;
use chrono::{Duration, SecondsFormat, Utc};
use serde_json::Value as Json;
use std::fmt::Write;

/// The STAR transport's namespace.
const TRANSPORT: &str = "http://www.starstandards.org/webservices/2005/10/transport";
/// The direct services' namespace; it has no scheme.
const DIRECT: &str = "opentrack.dealertrack.com";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PASSWORD_TEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
/// How long a message stays valid for a vendor whose clock is not ours.
const MESSAGE_LIFE: Duration = Duration::minutes(5);

/// Appends `<name>text</name>`; nothing where the text is empty, as the vendor's own client does.
pub(super) fn put(xml: &mut String, name: &str, text: &str) {
    if !text.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(xml, "<{name}>{}</{name}>", xml::escape(text));
    }
}

/// Calls for one dealer.
pub(super) struct Dealer<'a> {
    access: &'a Access,
    star: url::Url,
    direct: url::Url,
    user: &'a str,
    password: &'a str,
    enterprise: &'a str,
    company: &'a str,
    server: Option<&'a str>,
}

impl<'a> Dealer<'a> {
    pub(super) fn of(access: &'a Access) -> Result<Self, ConnectorError> {
        let address = |path: &'static str| {
            let base = access.setting("base_url")?.trim_end_matches('/');
            check_url("base_url", &format!("{base}/{}", access.setting(path)?), access.allow_private_hosts)
        };
        Ok(Self {
            star: address("star_path")?,
            direct: address("service_path")?,
            user: access.credential("user")?,
            password: access.credential("password")?,
            enterprise: access.setting("enterprise_code")?,
            company: access.setting("company_number")?,
            server: access.optional("server_name"),
            access,
        })
    }

    /// Sends `<operation>` with what is in it by ProcessMessage; the inside of `<operationResponse>`.
    pub(super) async fn star(&self, effect: Effect, operation: &str, inner: &str) -> Result<Json, ConnectorError> {
        let mut asked = format!("<{operation} xmlns=\"\"><Dealer>");
        put(&mut asked, "EnterpriseCode", self.enterprise);
        put(&mut asked, "CompanyNumber", self.company);
        put(&mut asked, "ServerName", self.server.unwrap_or_default());
        let _ = write!(asked, "</Dealer>{inner}</{operation}>");
        let manifest = format!(
            "<tran:PayloadManifest><tran:manifest contentID=\"Content0\" namespaceURI=\"\" element=\"{operation}\" \
             relatedID=\"1\" version=\"1.0\"/></tran:PayloadManifest>"
        );
        let body = format!(
            "<tran:ProcessMessage><tran:payload><tran:content id=\"Content0\">{asked}</tran:content></tran:payload>\
             </tran:ProcessMessage>"
        );
        let action = format!("{TRANSPORT}/operations/ProcessMessage");
        let envelope = self.envelope(&manifest, &body);
        let reply = self.send(effect, self.star.clone(), &action, envelope).await?;
        let response = format!("{operation}Response");
        let content = reply.pointer("/ProcessMessageResponse/payload/content").and_then(|content| match content {
            Json::Array(list) => list.first(),
            one => Some(one),
        });
        // A refusal may come under the name of another element; it still has an Error in it.
        let inside = content.and_then(|content| {
            content
                .get(&response)
                .or_else(|| content.as_object()?.iter().find(|(n, _)| !n.starts_with('@')).map(|(_, v)| v))
        });
        let inside = inside.ok_or_else(|| missing(&response))?;
        refusal(inside).map_or_else(|| Ok(inside.clone()), Err)
    }

    /// Calls an operation of ServiceAPI.asmx; the inside of `<operationResult>`.
    pub(super) async fn direct(&self, operation: &str, request: &str) -> Result<Json, ConnectorError> {
        let mut body = format!("<{operation} xmlns=\"{DIRECT}\"><dealer>");
        put(&mut body, "CompanyNumber", self.company);
        put(&mut body, "EnterpriseCode", self.enterprise);
        put(&mut body, "ServerName", self.server.unwrap_or_default());
        let _ = write!(body, "</dealer><request>{request}</request></{operation}>");
        let action = format!("{DIRECT}/{operation}");
        let envelope = self.envelope("", &body);
        let reply = self.send(Effect::Reads, self.direct.clone(), &action, envelope).await?;
        let inside = reply
            .get(format!("{operation}Response"))
            .and_then(|response| response.get(format!("{operation}Result")))
            .ok_or_else(|| missing(&format!("{operation}Result")))?;
        refusal(inside).map_or_else(|| Ok(inside.clone()), Err)
    }

    fn envelope(&self, header: &str, body: &str) -> String {
        let now = Utc::now();
        let stamp = |moment: chrono::DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Millis, true);
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:tran=\"{TRANSPORT}\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <soap:Header><wsse:Security xmlns:wsse=\"{WSSE}\" xmlns:wsu=\"{WSU}\" soap:mustUnderstand=\"1\">\
             <wsu:Timestamp><wsu:Created>{}</wsu:Created><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>\
             <wsse:UsernameToken><wsse:Username>{}</wsse:Username><wsse:Password Type=\"{PASSWORD_TEXT}\">{}\
             </wsse:Password></wsse:UsernameToken></wsse:Security>{header}</soap:Header>\
             <soap:Body>{body}</soap:Body></soap:Envelope>",
            stamp(now),
            stamp(now + MESSAGE_LIFE),
            xml::escape(self.user),
            xml::escape(self.password),
        )
    }

    /// Posts an envelope; the inside of the reply's body.
    async fn send(&self, effect: Effect, to: url::Url, action: &str, envelope: String) -> Result<Json, ConnectorError> {
        let http = &self.access.http;
        let request = http
            .client()
            .post(to)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", format!("\"{action}\""))
            .body(envelope);
        let answer = http.send_raw(effect, request).await?;
        // A fault comes with a 500 and says more than the status does.
        if answer.status.as_u16() == 500
            && let Some(fault) = fault(&answer)
        {
            return Err(fault);
        }
        let answer = http.judge(answer).await?;
        if !answer.status.is_success() {
            return Err(ConnectorError::Misconfigured {
                setting: "base_url",
                said: format!("there is no OpenTrack service at this address (HTTP {})", answer.status.as_u16()),
            });
        }
        if let Some(fault) = fault(&answer) {
            return Err(fault);
        }
        let (_, mut envelope) = xml::parse(&xml::decode(&answer.body))?;
        envelope.get_mut("Body").map(Json::take).ok_or_else(|| missing("Body"))
    }
}

fn missing(element: &str) -> ConnectorError {
    ConnectorError::unreadable(format!("the reply has no {element}"))
}

/// The SOAP fault in an answer, where there is one.
fn fault(answer: &Answer) -> Option<ConnectorError> {
    let (_, envelope) = xml::parse(&xml::decode(&answer.body)).ok()?;
    let fault = envelope.get("Body")?.get("Fault")?;
    let part = |name: &str| fault.get(name).and_then(xml::text).unwrap_or_default();
    let (code, said) = (part("faultcode"), short(part("faultstring")));
    let evidence = answer.request_id();
    let code = code.rsplit(':').next().unwrap_or_default();
    Some(match code {
        "Not Authorized" | "FailedAuthentication" | "FailedCheck" | "InvalidSecurity" | "InvalidSecurityToken" => {
            ConnectorError::Unauthorized { said, evidence }
        }
        "Server" | "Server Error" => ConnectorError::Unavailable { said, evidence, source: None },
        other => ConnectorError::Refused {
            code: format!("soap_{}", other.to_lowercase().replace(' ', "_")),
            said,
            fix: OURS.to_owned(),
            evidence,
        },
    })
}

const OURS: &str = "Nothing to correct at the dealer: the vendor did not take our message. Tell Driveline support.";

/// What a normal reply refuses: an `Error`, `Errors`, or a `Failure` (which may stand beside a `Success`).
pub(super) fn refusal(inside: &Json) -> Option<ConnectorError> {
    if let Some(error) = errors(inside).next() {
        return Some(told(error));
    }
    let failure = xml::children(inside, "Failure").first()?;
    let mut said = failure.get("Message").and_then(xml::text).unwrap_or_default().to_owned();
    let mut code = "failure".to_owned();
    for error in errors(failure) {
        code = part(error, "Code").to_owned();
        let _ = write!(said, " {}", part(error, "Message"));
    }
    let partly = !xml::children(inside, "Success").is_empty();
    if partly {
        said = format!("a part was done, a part was refused: {said}");
    }
    Some(ConnectorError::Refused {
        code: if partly { format!("partly_{code}") } else { code },
        said: short(&said),
        fix: "Correct the part that the DMS refused, then replay it; what was done is not done twice.".to_owned(),
        evidence: None,
    })
}

fn errors(inside: &Json) -> impl Iterator<Item = &Json> {
    let wrapped = xml::children(inside, "Errors").iter().flat_map(|errors| xml::children(errors, "Error"));
    xml::children(inside, "Error").iter().chain(wrapped).filter(|error| !error.is_null())
}

fn part<'a>(error: &'a Json, name: &str) -> &'a str {
    error.get(name).and_then(xml::text).map(str::trim).unwrap_or_default()
}

/// One of the vendor's codes: whose fault it is and what to do.
fn told(error: &Json) -> ConnectorError {
    let code = part(error, "Code");
    let message = match part(error, "Message") {
        // Some errors are a bare text.
        "" => xml::text(error).unwrap_or("no message"),
        message => message,
    };
    let said = short(&format!("{code} {message}"));
    let forbidden = |fix: &str| ConnectorError::Forbidden { said: said.clone(), fix: fix.to_owned(), evidence: None };
    match code.parse::<u16>() {
        Ok(100 | 101) => ConnectorError::Unauthorized { said, evidence: None },
        Ok(302) => ConnectorError::Misconfigured { setting: "enterprise_code", said },
        Ok(303) => ConnectorError::Misconfigured { setting: "company_number", said },
        Ok(306) => forbidden("Driveline's vendor account is inactive at Dealertrack: tell Driveline support."),
        Ok(311) => forbidden(
            "Grant Driveline access in Dealertrack DMS (OpenTrack vendor access, for this company number), or check \
             the enterprise code and company number.",
        ),
        Ok(312) => forbidden("The access granted to Driveline has expired: renew it in Dealertrack DMS."),
        Ok(313) => forbidden("Ask Dealertrack to turn the OpenTrack API on for this company."),
        Ok(300..=313) => forbidden("Ask Dealertrack why this access is refused, quoting the code."),
        // 314, a start date in the future, means that the clocks differ; the next try asks for an earlier one.
        Ok(314) => ConnectorError::Unavailable { said, evidence: None, source: None },
        Ok(number @ 200..=205) => {
            ConnectorError::Refused { code: number.to_string(), said, fix: OURS.to_owned(), evidence: None }
        }
        Ok(number) => ConnectorError::refused(&number.to_string(), &said),
        Err(_) => ConnectorError::refused("unknown", &said),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use domain::{Fault, NextStep};

    fn inside(text: &str) -> Json {
        xml::parse(text).unwrap().1
    }

    fn reply(code: u16) -> Option<ConnectorError> {
        refusal(&inside(&format!(
            "<CustomerSearchResponse><Error><Code>{code}</Code><Message>Words.</Message></Error></CustomerSearchResponse>"
        )))
    }

    #[test]
    fn a_code_inside_a_normal_reply_says_whose_turn_it_is() {
        let cases = [
            (100, "unauthorized"),
            (101, "unauthorized"),
            (204, "refused:204"),
            (302, "misconfigured:enterprise_code"),
            (303, "misconfigured:company_number"),
            (311, "forbidden"),
            (312, "forbidden"),
            (314, "unavailable"),
            (999, "refused:999"),
        ];
        for (code, name) in cases {
            assert_eq!(reply(code).unwrap().code(), name, "{code}");
        }
        let failure = reply(311).unwrap().failure("Reading customers");
        assert_eq!((failure.fault, failure.next), (Fault::Dealer, NextStep::NeedsYou));
        assert!(failure.fix.contains("Grant Driveline access") && failure.said.contains("311"), "{failure:?}");
    }

    #[test]
    fn errors_of_the_direct_service_and_bare_texts_are_seen_too() {
        let direct = inside("<R><ClosedRepairOrders/><Errors><Error><Code>313</Code></Error></Errors></R>");
        assert_eq!(refusal(&direct).unwrap().code(), "forbidden");
        assert_eq!(refusal(&inside("<R><Error>It broke.</Error></R>")).unwrap().code(), "refused:unknown");
        assert!(refusal(&inside("<R><Errors/><ClosedRepairOrders/></R>")).is_none());
    }

    #[test]
    fn success_and_failure_in_one_reply_is_a_partial_failure() {
        let both = inside(
            "<AddRepairOrderResponse><RepairOrderNumber>7</RepairOrderNumber><Success><Message>Added.</Message></Success>\
             <Failure><Message>1 line was not added.</Message><Errors><Error><Code>202</Code><Message>LaborOpCode is \
             required.</Message></Error></Errors></Failure></AddRepairOrderResponse>",
        );
        let error = refusal(&both).unwrap();
        assert_eq!(error.code(), "refused:partly_202");
        assert!(error.to_string().contains("a part was done"), "{error}");
        let good =
            inside("<CustomerAddResponse><Success><CustomerNumber>1</CustomerNumber></Success></CustomerAddResponse>");
        assert!(refusal(&good).is_none());
    }
}
