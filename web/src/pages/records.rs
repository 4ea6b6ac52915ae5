//! Records: the list with search, and one record with its sources side by side, who won each field and why.

use super::words;
use crate::portal::{Answer, PageProblem, Posted, Query, Visitor, see_other};
use crate::ui::{
    Button, Compare, CompareRow, EmptyState, Form, IconName, LinkButton, NUMBER, Page, Pager, ROW, Section, Side,
    Status, TD, Tab, Table, Tabs, Tone, Until, When, grouped, plural,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::views::record::{DeliveryView, FieldView, RecordLine, RecordList, RecordPage, SourceView, decision_words};
use domain::check::phone_words;
use domain::permission::Permission;
use domain::schema::FieldType;
use domain::{Field, GoldenId, ObjectKind, Record, SourceRecordId, Value};
use leptos::prelude::*;

/// Records of one page of the list.
const PAGE_SIZE: u32 = 50;

/// `GET /records`: `?object=…&q=…&after=…`
pub async fn list(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let object = query.0.text("object").parse().unwrap_or(ObjectKind::Customer);
    let asked = query.0.text("q").to_owned();
    let after = query.0.text("after").parse::<GoldenId>().ok();
    let list = if asked.is_empty() {
        app.views().records(&visitor.scope, object, after, PAGE_SIZE).await?
    } else {
        app.views().search(&visitor.scope, &asked).await?
    };
    let counts = app.views().record_counts(&visitor.scope).await?;
    Ok(Answer::to(&request, &visitor, words::capitalised(object.plural()))
        .page(|| show_list(object, asked, after.is_some(), list, counts)))
}

/// `GET /records/{id}`
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<GoldenId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let page = app.views().record(&visitor.scope, id.into_inner()).await?.ok_or(PageProblem::Missing)?;
    let may = visitor.may(Permission::RunSync);
    let review = visitor.may(Permission::Review);
    Ok(Answer::to(&request, &visitor, page.line.record.title()).page(|| show(page, may, review)))
}

/// `POST /records/{id}/resync`: read it from its systems and deliver it again.
pub async fn resync(posted: Posted, id: web::Path<GoldenId>, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    app.engine().resync_record(&posted.visitor.scope, id).await?;
    Ok(see_other(format!("/records/{id}?done=resent")))
}

/// `POST /records/{id}/split`: the chosen source records become somebody of their own.
pub async fn split(posted: Posted, id: web::Path<GoldenId>, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let sources: Vec<SourceRecordId> = posted.typed.all("source").filter_map(|id| id.parse().ok()).collect();
    let done = app.engine().split(&posted.visitor.scope, id.into_inner(), &sources).await?;
    Ok(see_other(format!("/records/{}?done=split", done.out)))
}

/// What stands in a list beside the name.
fn columns(object: ObjectKind) -> &'static [(&'static str, &'static [Field])] {
    match object {
        ObjectKind::Customer => &[
            ("E-mail", &[Field::EMAIL]),
            ("Phone", &[Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK]),
            ("City", &[Field::CITY]),
        ],
        ObjectKind::Vehicle => &[("VIN", &[Field::VEHICLE_VIN]), ("Last service", &[Field::VEHICLE_LAST_SERVICE])],
        ObjectKind::Inventory => {
            &[("VIN", &[Field::STOCK_VIN]), ("Status", &[Field::STOCK_STATUS]), ("Price", &[Field::STOCK_PRICE])]
        }
        ObjectKind::Deal => {
            &[("Status", &[Field::DEAL_STATUS]), ("Date", &[Field::DEAL_DATE]), ("Price", &[Field::DEAL_AMOUNT])]
        }
        ObjectKind::RepairOrder => {
            &[("Status", &[Field::RO_STATUS]), ("Opened", &[Field::RO_OPENED_ON]), ("Total", &[Field::RO_TOTAL])]
        }
        ObjectKind::Lead => &[("Status", &[Field::LEAD_STATUS]), ("Requested", &[Field::LEAD_REQUESTED_AT])],
    }
}

fn first(record: &Record, fields: &[Field]) -> String {
    fields.iter().find_map(|field| record.get(*field)).map(plain).unwrap_or_default()
}

/// A value as people read it: choices and consents without underscores, phones in groups.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Consent(domain::Consent::OptedIn) => "opted in".to_owned(),
        Value::Consent(domain::Consent::OptedOut) => "opted out".to_owned(),
        Value::Text(text) => phone_words(text).unwrap_or_else(|| text.clone()),
        Value::Money(amount) => format!("${amount:.2}"),
        Value::Int(_) | Value::Date(_) | Value::Time(_) | Value::Flag(_) | Value::Vin(_) | Value::Json(_) => {
            value.to_plain()
        }
    }
}

/// The same of a value as the API carries it.
pub fn plain_json(field: Field, value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) if field.spec().holds == FieldType::Money => format!("${text}"),
        serde_json::Value::String(text) if field.spec().holds == FieldType::Consent => text.replace('_', " "),
        serde_json::Value::String(text) => phone_words(text).unwrap_or_else(|| text.clone()),
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

fn show_list(
    object: ObjectKind,
    asked: String,
    later: bool,
    list: RecordList,
    counts: Vec<(ObjectKind, u64)>,
) -> AnyView {
    let count = |kind: ObjectKind| counts.iter().find(|(of, _)| *of == kind).map_or(0, |(_, many)| *many);
    let total = count(object);
    let tabs = ObjectKind::ALL
        .into_iter()
        .filter(|kind| count(*kind) > 0 || *kind == object)
        .map(|kind| Tab {
            href: format!("/records?object={kind}"),
            label: format!("{} {}", words::capitalised(kind.plural()), grouped(count(kind))),
            current: kind == object,
        })
        .collect();
    let how = "E-mail, phone, name, VIN, or a stock, deal, RO or lead number";
    let found = list.lines.len();
    let searched = !asked.is_empty();
    let next = list.next.filter(|_| !searched).map(|id| format!("/records?object={object}&after={id}"));
    let start = later.then(|| format!("/records?object={object}"));
    view! {
        <Page title="Records" lead=Some(view! { "One record for each customer, vehicle and deal, whatever the systems call it." }.into_any())>
            <Tabs label="Kinds of record" tabs=tabs/>
            <form method="get" action="/records" role="search" class="flex flex-wrap items-end gap-2">
                <input type="hidden" name="object" value=object.name()/>
                <div class="flex min-w-0 flex-1 flex-col gap-1 sm:max-w-form">
                    <label for="q" class="text-meta text-muted">{how}</label>
                    <input id="q" name="q" type="search" value=asked.clone() autocomplete="off" class="w-full min-h-9 pointer-coarse:min-h-11 rounded-sm border border-line bg-raised px-3 py-1.5 text-ui"/>
                </div>
                <Button label="Search" icon=Some(IconName::Search)/>
                {searched.then(|| view! { <LinkButton href=format!("/records?object={object}") label="Clear"/> })}
            </form>
            {if list.lines.is_empty() && searched {
                view! {
                    <EmptyState icon=IconName::Search title="Nothing was found" text="Search takes whole words, in any kind of record: a full e-mail address, phone, VIN or number, or first and last name.">
                        <LinkButton href=format!("/records?object={object}") label="Show all"/>
                    </EmptyState>
                }
                    .into_any()
            } else if list.lines.is_empty() {
                view! {
                    <EmptyState icon=IconName::Users title=format!("No {} yet", object.plural()) text="They appear as soon as a connected system has been read.">
                        <LinkButton href="/connections" label="See the connections"/>
                    </EmptyState>
                }
                    .into_any()
            } else {
                view! {
                    <p class="text-meta text-muted" role="status">
                        {if searched { plural(found as u64, "record found", "records found") } else { plural(total, "record", "records") }}
                    </p>
                    {if searched { found_table(list.lines) } else { table(object, list.lines) }}
                    <Pager first=start next=next/>
                }
                    .into_any()
            }}
        </Page>
    }
    .into_any()
}

/// What a search found, of any kind.
fn found_table(lines: Vec<RecordLine>) -> AnyView {
    view! {
        <Table caption="Records found" heads=&["What", "Kind", "More", "#Sources", "#Conflicts", "Changed"]>
            {lines
                .into_iter()
                .map(|line| {
                    let more = columns(line.object).iter().map(|(_, fields)| first(&line.record, fields)).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
                    view! {
                        <tr class=ROW>
                            <td class=TD><a class="font-medium hover:underline" href=format!("/records/{}", line.id)>{line.record.title()}</a></td>
                            <td class=TD>{words::capitalised(line.object.plural())}</td>
                            <td class=TD>{more}</td>
                            <td class=NUMBER>{grouped(line.members)}</td>
                            <td class=NUMBER>{if line.conflicts == 0 { "–".to_owned() } else { grouped(line.conflicts) }}</td>
                            <td class=TD><When at=line.updated_at/></td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

fn table(object: ObjectKind, lines: Vec<RecordLine>) -> AnyView {
    let heads: &'static [&'static str] = match object {
        ObjectKind::Customer => &["Name", "E-mail", "Phone", "City", "#Sources", "#Conflicts", "Changed"],
        ObjectKind::Vehicle => &["Vehicle", "VIN", "Last service", "#Sources", "#Conflicts", "Changed"],
        ObjectKind::Inventory => &["Vehicle", "VIN", "Status", "Price", "#Sources", "#Conflicts", "Changed"],
        ObjectKind::Deal => &["Deal", "Status", "Date", "Price", "#Sources", "#Conflicts", "Changed"],
        ObjectKind::RepairOrder => &["RO", "Status", "Opened", "Total", "#Sources", "#Conflicts", "Changed"],
        ObjectKind::Lead => &["Lead", "Status", "Requested", "#Sources", "#Conflicts", "Changed"],
    };
    view! {
        <Table caption="Records" heads=heads>
            {lines
                .into_iter()
                .map(|line| {
                    view! {
                        <tr class=ROW>
                            <td class=TD><a class="font-medium hover:underline" href=format!("/records/{}", line.id)>{line.record.title()}</a></td>
                            {columns(object).iter().map(|(_, fields)| view! { <td class="whitespace-nowrap px-3 py-2 align-top text-small">{first(&line.record, fields)}</td> }).collect_view()}
                            <td class=NUMBER>{grouped(line.members)}</td>
                            <td class=NUMBER>{if line.conflicts == 0 { "–".to_owned() } else { grouped(line.conflicts) }}</td>
                            <td class=TD><When at=line.updated_at/></td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

fn show(page: RecordPage, may: bool, review: bool) -> AnyView {
    let line = page.line;
    let object = line.object;
    let issues: Vec<_> = page
        .sources
        .iter()
        .flat_map(|source| {
            source.issues.iter().map(|(message, fix)| (source.connection_name.clone(), message.clone(), fix.clone()))
        })
        .collect();
    let conflicts = line.conflicts;
    let (tone, word) = if conflicts == 0 {
        (Tone::Good, "All systems agree".to_owned())
    } else {
        (Tone::Warn, plural(conflicts, "conflict, decided by rule", "conflicts, decided by rule"))
    };
    let doubtful = page.doubtful;
    let compared = side_by_side(&page.fields, &page.sources);
    let apart = (review && page.sources.len() > 1).then(|| take_apart(line.id, &page.sources));
    view! {
        <Page
            title=line.record.title()
            up=Some((format!("/records?object={object}"), words::capitalised(object.plural())))
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=Some(view! { {format!("Told by {} · changed ", plural(line.members, "record", "records"))} <When at=line.updated_at/> }.into_any())
            actions=may.then(|| view! {
                <Form action=format!("/records/{}/resync", line.id) class="contents">
                    <Button label="Re-sync this record" icon=Some(IconName::RefreshCw)/>
                </Form>
            }.into_any())
        >
            {(review && !doubtful.is_empty()).then(|| view! {
                <Section title="May be the same as">
                    <ul class="flex flex-wrap gap-2">
                        {doubtful
                            .into_iter()
                            .map(|(other, pair)| view! { <li><LinkButton href=format!("/duplicates/{pair}") label=other icon=Some(IconName::Copy)/></li> })
                            .collect_view()}
                    </ul>
                </Section>
            })}
            <Section title="Sources side by side">
                {compared}
            </Section>
            {apart}
            {(!issues.is_empty()).then(|| view! {
                <Section title="To correct at the source">
                    <ul class="flex flex-col gap-2 text-small">
                        {issues
                            .into_iter()
                            .map(|(from, message, fix)| view! {
                                <li><span class="font-medium">{from}</span>": " {message} " " <span class="text-muted">{fix}</span></li>
                            })
                            .collect_view()}
                    </ul>
                </Section>
            })}
            <Section title="In every system">
                {deliveries(page.deliveries)}
            </Section>
            {(!page.related.is_empty()).then(|| view! {
                <Section title="Belongs to it">
                    <ul class="flex flex-col text-small">
                        {page
                            .related
                            .into_iter()
                            .map(|other| view! {
                                <li class="flex gap-2 py-1">
                                    <span class="w-32 shrink-0 text-muted">{words::capitalised(other.object.plural())}</span>
                                    <a class="font-medium hover:underline" href=format!("/records/{}", other.id)>{other.record.title()}</a>
                                </li>
                            })
                            .collect_view()}
                    </ul>
                </Section>
            })}
            {(!page.household.is_empty()).then(|| view! {
                <Section title="Same household">
                    <p class="mb-2 text-small text-muted">"Same surname at the same address. They are people of their own."</p>
                    <ul class="flex flex-col text-small">
                        {page
                            .household
                            .into_iter()
                            .map(|other| view! {
                                <li class="py-1">
                                    <a class="font-medium hover:underline" href=format!("/records/{}", other.id)>{other.title}</a>
                                </li>
                            })
                            .collect_view()}
                    </ul>
                </Section>
            })}
        </Page>
    }
    .into_any()
}

/// The golden record first, then each source; the last column says who won and why.
fn side_by_side(fields: &[FieldView], sources: &[SourceView]) -> AnyView {
    let mut sides =
        vec![Side { title: "Golden record".to_owned(), subtitle: "what every system should hold".into_any() }];
    for source in sources {
        let key = source.external_id.clone();
        let changed = match source.changed_at {
            _ if source.is_echo => "as we wrote it".into_any(),
            Some(at) => view! { <When at/> }.into_any(),
            None => "as first read".into_any(),
        };
        sides.push(Side {
            title: source.connection_name.clone(),
            subtitle: view! { {source.role.label()} " " <code class="break-all">{key}</code> ", " {changed} }
                .into_any(),
        });
    }
    let rows = fields
        .iter()
        .map(|field| {
            let mut values = vec![Some(plain(&field.value))];
            values.extend(sources.iter().map(|source| source.record.get(field.field).map(plain)));
            let winner =
                sources.iter().find(|source| source.id == field.winner).map(|source| source.connection_name.clone());
            let note = match winner {
                Some(winner) if field.conflict => view! {
                    <span class="font-medium">{winner}</span>
                    <span class="block text-meta text-muted">{decision_words(field.rule)}</span>
                }
                .into_any(),
                Some(_) | None => {
                    view! { <span class="text-meta text-muted">{decision_words(field.rule)}</span> }.into_any()
                }
            };
            CompareRow { label: field.field.spec().label.to_owned(), values, differs: field.conflict, note }
        })
        .collect();
    view! { <Compare caption="The golden record and its sources, field by field" sides=sides rows=rows last="Who won, and why"/> }.into_any()
}

/// Chooses the source records that are somebody else.
fn take_apart(id: GoldenId, sources: &[SourceView]) -> AnyView {
    let choices = sources
        .iter()
        .map(|source| {
            let title = format!("{}: {}", source.connection_name, source.record.title());
            view! {
                <li>
                    <label class="flex min-h-6 pointer-coarse:min-h-11 items-center gap-2 text-small">
                        <input type="checkbox" name="source" value=source.id.to_string() class="size-4 accent-accent"/>
                        <span>{title} " " <code class="break-all text-muted">{source.external_id.clone()}</code></span>
                    </label>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title="Not all of them the same?">
            <p class="mb-2 text-small text-muted">
                "Choose what is somebody else. It becomes a record of its own, nothing joins the two again by itself, and the systems are told. The undo is under Duplicates."
            </p>
            <Form action=format!("/records/{id}/split") label="Take records apart">
                <ul class="flex flex-col gap-1">{choices}</ul>
                <div><Button label="Take the chosen apart"/></div>
            </Form>
        </Section>
    }
    .into_any()
}

fn deliveries(deliveries: Vec<DeliveryView>) -> AnyView {
    if deliveries.is_empty() {
        return view! { <p class="text-small text-muted">"No other system is meant to hold this record."</p> }
            .into_any();
    }
    view! {
        <Table caption="What each system holds of this record" heads=&["System", "Status", "Its key there", "Delivered", "Next try", "It said"]>
            {deliveries
                .into_iter()
                .map(|delivery| {
                    let (tone, word) = words::delivery(delivery.state);
                    let due = (delivery.state == app::views::record::DeliveryState::Due).then_some(delivery.due_at);
                    view! {
                        <tr class=ROW>
                            <td class=TD><a class="font-medium hover:underline" href=format!("/connections/{}", delivery.connection)>{delivery.connection_name}</a></td>
                            <td class=TD><Status tone=tone word=word/></td>
                            <td class=TD><code>{delivery.external_id.unwrap_or_default()}</code></td>
                            <td class=TD><Until at=delivery.delivered_at/></td>
                            <td class=TD><Until at=due never="–"/></td>
                            <td class=TD>{delivery.last_error}</td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_told_as_people_dial_it() {
        assert_eq!(phone_words("+12815550123").as_deref(), Some("(281) 555-0123"));
        assert_eq!(phone_words("+442071838750"), None);
        assert_eq!(phone_words("Ann"), None);
    }
}
