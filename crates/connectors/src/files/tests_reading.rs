//! What is read out of a folder, file by file: tables of cases over a folder in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "tests")]

use super::reading::{Folder, forget_kept};
use super::settings::Settings;
use super::tests_access::access;
use crate::connector::{Coverage, Cursor, Next, PageAsk, Payload, PullMode, Reject};
use crate::error::ConnectorError;
use crate::file_transfer::{Chunks, Entry, EntryKind, Source};
use async_trait::async_trait;
use chrono::Utc;
use domain::{ConnectionId, ObjectKind};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A file of the folder: content, time, and what the listing says of its size.
#[derive(Clone)]
struct Stored {
    content: Arc<Vec<u8>>,
    modified: i64,
    said_size: Option<u64>,
    grows: bool,
}

#[derive(Default)]
struct Memory {
    files: Mutex<BTreeMap<String, Stored>>,
    opened: AtomicUsize,
}

impl Memory {
    fn put(&self, name: &str, content: impl Into<Vec<u8>>) {
        self.put_at(name, content, 1_000);
    }

    fn put_at(&self, name: &str, content: impl Into<Vec<u8>>, modified: i64) {
        let stored = Stored { content: Arc::new(content.into()), modified, said_size: None, grows: false };
        self.files.lock().unwrap().insert(name.to_owned(), stored);
    }

    fn entry(name: &str, stored: &Stored) -> Entry {
        let size_bytes = stored.said_size.unwrap_or(stored.content.len() as u64);
        Entry { name: name.to_owned(), size_bytes, modified: Some(stored.modified), kind: EntryKind::File }
    }
}

#[async_trait]
impl Source for Memory {
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError> {
        let mut files = self.files.lock().unwrap();
        let listed = files.iter().map(|(name, stored)| Self::entry(name, stored)).collect();
        for stored in files.values_mut().filter(|stored| stored.grows) {
            let mut longer = stored.content.as_ref().clone();
            longer.extend_from_slice(b"9,more\n");
            stored.content = Arc::new(longer);
        }
        Ok(listed)
    }

    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError> {
        Ok(self.files.lock().unwrap().get(name).map(|stored| Self::entry(name, stored)))
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let content = Arc::clone(&self.files.lock().unwrap().get(name).unwrap().content);
        let from = usize::try_from(offset).unwrap().min(content.len());
        let rest = std::io::Cursor::new(content[from..].to_vec());
        Ok(Chunks::pumped(rest))
    }
}

struct Read {
    records: Vec<Payload>,
    rejects: Vec<Reject>,
    coverage: Coverage,
    resume: Option<Cursor>,
    pages: usize,
}

impl Read {
    fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.external_id.as_str()).collect()
    }

    fn rejected(&self) -> Vec<(&str, &str)> {
        self.rejects.iter().map(|reject| (reject.place.as_str(), reject.said.as_str())).collect()
    }
}

struct Bench {
    memory: Arc<Memory>,
    folder: Folder,
    forgets: bool,
}

fn bench(settings: &[(&str, &str)]) -> Bench {
    let mut all = vec![("settle_seconds", "0")];
    all.extend_from_slice(settings);
    let memory = Arc::new(Memory::default());
    let settings = Arc::new(Settings::of(&access(&all)).unwrap());
    let source: Arc<dyn Source> = memory.clone();
    Bench { memory, folder: Folder { connection: ConnectionId::new(), source, settings }, forgets: false }
}

impl Bench {
    async fn try_read(&self, object: ObjectKind, from: Option<Cursor>) -> Result<Read, ConnectorError> {
        let mode = if from.is_some() { PullMode::Changes } else { PullMode::Full };
        let mut ask = PageAsk { mode, cursor: from, now: Utc::now() };
        let (mut records, mut rejects) = (Vec::new(), Vec::new());
        for pages in 1..2_000 {
            if self.forgets {
                forget_kept(self.folder.connection);
            }
            let page = self.folder.page(object, &ask).await?;
            records.extend(page.records);
            rejects.extend(page.rejects);
            match page.next {
                Next::Page(cursor) => ask.cursor = Some(cursor),
                Next::Done { resume, coverage } => return Ok(Read { records, rejects, coverage, resume, pages }),
            }
        }
        panic!("the pull never ends");
    }

    async fn read(&self) -> Read {
        self.try_read(ObjectKind::Customer, None).await.unwrap()
    }

    async fn read_changes(&self, from: &Read) -> Read {
        self.try_read(ObjectKind::Customer, from.resume.clone()).await.unwrap()
    }
}

async fn read_one(content: impl Into<Vec<u8>>, settings: &[(&str, &str)]) -> Read {
    let bench = bench(settings);
    bench.memory.put("customers.csv", content);
    bench.read().await
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let mut bytes = if big { vec![0xfe, 0xff] } else { vec![0xff, 0xfe] };
    for unit in text.encode_utf16() {
        bytes.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
    }
    bytes
}

fn gz(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        packer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        packer.write_all(content).unwrap();
    }
    packer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn every_usual_form_and_encoding_gives_the_same_records() {
    let csv = "CustNo,First Name,City\r\n1,Jos\u{e9},Malm\u{f6}\r\n2,Ann,\r\n";
    let windows: Vec<u8> = csv.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let with_bom = [b"\xef\xbb\xbf".as_slice(), csv.as_bytes()].concat();
    let xml = "<?xml version=\"1.0\"?><Export><Customers><Customer CustNo=\"1\"><FirstName>Jos&#233;</FirstName>\
               <City><![CDATA[Malm\u{f6}]]></City></Customer><Customer CustNo='2'><FirstName>Ann</FirstName>\
               <City/></Customer></Customers></Export>";
    let old_xml: Vec<u8> = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><rows><row><CustNo>1</CustNo>\
        <First_Name>Jos\u{e9}</First_Name><City>Malm\u{f6}</City></row><row><CustNo>2</CustNo><First_Name>Ann</First_Name></row></rows>"
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("UTF-8", csv.into()),
        ("UTF-8 with BOM", with_bom),
        ("Windows-1252", windows),
        ("UTF-16 LE", utf16(csv, false)),
        ("UTF-16 BE", utf16(csv, true)),
        ("tabs", csv.replace(',', "\t").into()),
        ("pipes", csv.replace(',', "|").into()),
        ("semicolons, unix line ends", csv.replace(',', ";").replace("\r\n", "\n").into()),
        ("old Mac line ends", csv.replace("\r\n", "\r").into()),
        ("quoted", csv.replace("Ann", "\"Ann\"").into()),
        ("no last line end", csv.trim_end().into()),
        ("gzip", gz(csv.as_bytes())),
        ("zip", zip(&[("export/customers.csv", csv.as_bytes())])),
        ("XML", xml.into()),
        ("XML in UTF-16", utf16(&xml.replace("?>", " encoding=\"UTF-16\"?>"), false)),
        ("XML in Latin-1", old_xml),
    ];
    for (name, content) in cases {
        let read = read_one(content, &[]).await;
        assert_eq!(read.rejected(), [], "{name}");
        assert_eq!(read.ids(), ["1", "2"], "{name}");
        let (first, second) = (&read.records[0].body, &read.records[1].body);
        assert_eq!((&first["First Name"], &first["City"]), (&json!("Jos\u{e9}"), &json!("Malm\u{f6}")), "{name}");
        assert_eq!(second.get("City"), None, "{name}: empty cells are left out");
    }
}

#[tokio::test]
async fn bad_rows_are_kept_with_their_line_and_cost_no_others() {
    let csv = "id,name,note\n\
        1,Ann,\"two\nlines\"\n\
        2,Bob\n\
        3,Cy,x,surplus\n\
        id,name,note\n\
        ,Dee,no key\n\
        4,Eve,fine,,\n\
        5,\"never closed,x\n\
        6,Fay,\"quoted\"\n\
        \n\
        7,Gus,\n";
    let read = read_one(csv, &[]).await;
    assert_eq!(read.ids(), ["1", "4", "6", "7"]);
    assert_eq!(read.records[0].body["note"], json!("two\nlines"));
    let places: Vec<&str> = read.rejects.iter().map(|reject| reject.place.as_str()).collect();
    let line = |n: u32| format!("customers.csv line {n}");
    assert_eq!(places, [line(4), line(5), line(7), line(9)]);
    assert_eq!(read.rejects[0].raw, b"2,Bob\n");
    assert_eq!(read.rejects[3].raw, b"5,\"never closed,x\n");
    assert!(read.rejects.iter().all(|reject| !reject.fix.is_empty() && !reject.said.contains("Bob")));
}

#[tokio::test]
async fn double_and_empty_headers_are_told_apart() {
    let read = read_one("CUST-NO,Phone,Phone,\n1,a,b,c\n", &[]).await;
    assert_eq!(read.records[0].body, json!({"Cust No": "1", "Phone": "a", "Phone (2)": "b", "Column 4": "c"}));
}

#[tokio::test]
async fn a_file_without_a_key_names_its_columns_and_the_setting() {
    let bench = bench(&[]);
    bench.memory.put("customers.csv", "Color,Size\nred,9\n");
    let error = bench.try_read(ObjectKind::Customer, None).await.err().unwrap();
    assert_eq!(error.code(), "misconfigured:key_columns");
    assert!(error.to_string().contains("Color, Size") && error.to_string().contains("customer = COLUMN"), "{error}");
}

#[tokio::test]
async fn a_key_of_several_columns_and_a_mapping_of_the_dealers_hold() {
    let settings = [
        ("key_columns", "customer = Store + Number"),
        (
            "mapping",
            "# ours\ncustomer.email = EMail Address\ncustomer.birth_date = Born | date %d.%m.%Y\ncustomer.ignore = Shoe Size",
        ),
    ];
    let read =
        read_one("store,NUMBER,Email address,born,shoe size\n1,7,a@b.co,23.11.1980,9\n1,,x,y,z\n", &settings).await;
    assert_eq!(read.ids(), ["1-7"]);
    assert_eq!(read.rejects.len(), 1);
    let mapping = super::columns::mapping(ObjectKind::Customer, Some(&Settings::of(&access(&settings)).unwrap()));
    let draft = mapping.apply(&read.records[0].body);
    assert_eq!(draft.unknown, Vec::<String>::new());
    let of = |name: &str| draft.values.iter().find(|(f, _)| f.name() == name).map(|(_, v)| v.clone());
    assert_eq!(of("email"), Some(json!("a@b.co")));
    assert_eq!(of("birth_date"), Some(json!("1980-11-23")));
}

#[tokio::test]
async fn files_come_oldest_first_and_only_once() {
    let bench = bench(&[]);
    bench.memory.put("customers_10.csv", "id,v\n1,new\n");
    bench.memory.put("customers_9.csv", "id,v\n1,old\n2,old\n");
    let first = bench.read().await;
    assert_eq!(first.ids(), ["1", "2", "1"]);
    assert_eq!(first.records[2].body["v"], json!("new"));

    let second = bench.read_changes(&first).await;
    assert_eq!(second.ids(), Vec::<&str>::new());

    bench.memory.put_at("customers_11.csv", "id,v\n3,x\n", 2_000);
    bench.memory.put_at("customers_9.csv", "id,v\n1,old\n2,old\n", 3_000);
    bench.memory.put_at("customers_10.csv", "id,v\n1,NEW\n", 3_000);
    let third = bench.read_changes(&second).await;
    assert_eq!(
        third.ids(),
        ["1", "3"],
        "a file that was only touched is known by its checksum; a rewritten one is read"
    );
}

#[tokio::test]
async fn a_growing_file_waits_until_it_stands_still() {
    let bench = bench(&[("settle_seconds", "1")]);
    bench.memory.put_at("customers.csv", "id,v\n1,x\n", Utc::now().timestamp());
    bench.memory.files.lock().unwrap().get_mut("customers.csv").unwrap().grows = true;
    let growing = bench.read().await;
    assert_eq!(growing.ids(), Vec::<&str>::new());

    bench.memory.files.lock().unwrap().get_mut("customers.csv").unwrap().grows = false;
    let still = bench.read_changes(&growing).await;
    assert_eq!(still.ids()[0], "1");
}

#[tokio::test]
async fn a_file_that_changed_while_it_was_read_is_read_again() {
    let bench = bench(&[]);
    bench.memory.put("customers.csv", "id,v\n1,x\n");
    // The listing gives the size, then the file grows: at the end it is another one.
    bench.memory.files.lock().unwrap().get_mut("customers.csv").unwrap().grows = true;
    let first = bench.read().await;
    bench.memory.files.lock().unwrap().get_mut("customers.csv").unwrap().grows = false;
    let second = bench.read_changes(&first).await;
    assert!(second.ids().contains(&"9"));
}

#[tokio::test]
async fn only_a_whole_faultless_snapshot_counts_as_everything() {
    let cases: [(&str, &[u8], &str, Coverage); 8] = [
        ("whole", b"id,v\n1,x\n", "yes", Coverage::Everything),
        ("not said to be a snapshot", b"id,v\n1,x\n", "no", Coverage::Part),
        ("empty", b"", "yes", Coverage::Part),
        ("only a header", b"id,v\n", "yes", Coverage::Part),
        ("cut in a row", b"id,v\n1,x\n2", "yes", Coverage::Part),
        ("cut in a cell", b"id,v\n1,x\n2,y", "yes", Coverage::Part),
        ("a broken row", b"id,v\n1,x\n2\n3,z\n", "yes", Coverage::Part),
        ("cut XML", b"<r><c><id>1</id></c><c><id>2</id>", "yes", Coverage::Part),
    ];
    for (name, content, snapshot, expected) in cases {
        let read = read_one(content, &[("snapshot", snapshot)]).await;
        assert_eq!(read.coverage, expected, "{name}");
    }
    let whole_xml = read_one("<r><c><id>1</id></c></r>", &[("snapshot", "yes")]).await;
    assert_eq!(whole_xml.coverage, Coverage::Everything);
    let packed = gz(b"id,v\n1,x\n2,y\n");
    let cut = read_one(&packed[..packed.len() - 6], &[("snapshot", "yes")]).await;
    assert_eq!(cut.coverage, Coverage::Part, "a cut gzip");
    assert_eq!(cut.rejects.len(), 1);
}

#[tokio::test]
async fn of_snapshots_only_the_newest_counts_and_nothing_new_is_not_everything() {
    let bench = bench(&[("snapshot", "yes")]);
    bench.memory.put("customers_1.csv", "id\n1\n2\n");
    bench.memory.put("customers_2.csv", "id\n2\n3\n");
    let first = bench.read().await;
    assert_eq!((first.ids(), first.coverage), (vec!["2", "3"], Coverage::Everything));
    let second = bench.read_changes(&first).await;
    assert_eq!((second.ids(), second.coverage), (vec![], Coverage::Part));
}

fn many(rows: usize) -> String {
    let mut csv = String::from("id,name,note\r\n");
    for n in 0..rows {
        csv.push_str(&format!("{n},N\u{e9}m {n},\"a\nb\"\r\n"));
    }
    csv
}

#[tokio::test]
async fn pages_go_on_exactly_where_the_last_ended_with_and_without_the_kept_file() {
    let csv = many(12_001);
    let mut xml = String::from("<all>");
    for n in 0..12_001 {
        xml.push_str(&format!("<customer><id>{n}</id><name>N\u{e9}m</name></customer>\n"));
    }
    xml.push_str("</all>");
    let windows: Vec<u8> = csv.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for (name, content) in [
        ("plain", csv.clone().into_bytes()),
        ("Windows-1252", windows),
        ("UTF-16", utf16(&csv, false)),
        ("gzip", gz(csv.as_bytes())),
        ("zip", zip(&[("customers.csv", csv.as_bytes())])),
        ("XML", xml.into_bytes()),
    ] {
        for forgets in [false, true] {
            let mut bench = bench(&[]);
            bench.forgets = forgets;
            bench.memory.put("customers.dat", content.clone());
            let read = bench.read().await;
            assert_eq!(read.rejected(), [], "{name} {forgets}");
            assert_eq!(read.records.len(), 12_001, "{name} {forgets}");
            assert!(read.records.iter().enumerate().all(|(n, r)| r.external_id == n.to_string()), "{name} {forgets}");
            assert_eq!(read.pages, 3, "{name}");
        }
    }
}

#[tokio::test]
async fn the_line_of_a_bad_row_is_right_on_later_pages_too() {
    let mut csv = many(6_000);
    csv.push_str("bad\r\n");
    let mut bench = bench(&[]);
    bench.forgets = true;
    bench.memory.put("customers.csv", csv);
    let read = bench.read().await;
    // One header line, two lines a row.
    assert_eq!(read.rejects[0].place, "customers.csv line 12002");
}

#[tokio::test]
async fn a_page_asked_twice_gives_the_same_records() {
    let bench = bench(&[]);
    bench.memory.put("customers.csv", many(6_000));
    let ask = PageAsk { mode: PullMode::Full, cursor: None, now: Utc::now() };
    let Next::Page(cursor) = bench.folder.page(ObjectKind::Customer, &ask).await.unwrap().next else {
        panic!("one page")
    };
    let ask = PageAsk { cursor: Some(cursor), ..ask };
    let once = bench.folder.page(ObjectKind::Customer, &ask).await.unwrap();
    let twice = bench.folder.page(ObjectKind::Customer, &ask).await.unwrap();
    assert_eq!(once.records, twice.records);
    assert!(matches!((once.next, twice.next), (Next::Done { .. }, Next::Done { .. })));
}

/// Reads one hostile file beside a good one; the good one must come whole and soon.
async fn hostile(name: &str, content: Vec<u8>, said_size: Option<u64>) -> Vec<Reject> {
    let bench = bench(&[]);
    bench.memory.put(name, content);
    if let Some(size) = said_size {
        bench.memory.files.lock().unwrap().get_mut(name).unwrap().said_size = Some(size);
    }
    bench.memory.put("customers_zz.csv", "id\ngood\n");
    let start = Instant::now();
    let read = bench.read().await;
    assert!(read.ids().contains(&"good"), "{name}: the other file is not read");
    assert_eq!(read.coverage, Coverage::Part);
    assert!(start.elapsed() < Duration::from_secs(20), "{name} took {:?}", start.elapsed());
    let again = bench.read_changes(&read).await;
    assert_eq!(again.rejects, [], "{name}: a refused file is refused once");
    read.rejects
}

#[tokio::test]
async fn hostile_files_are_refused_with_a_reason_and_cost_the_others_nothing() {
    let zeros = vec![b'0'; 64 * 1024 * 1024];
    let rows = "1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(1_000_000);
    let wide_header = format!("id{}\n1\n", ",".repeat(1_000_000));
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l><customer><id>&b;</id></customer></l>";
    let deep = format!("<a>{}<id>1</id>", "<customer>".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>, Option<u64>, &str)> = vec![
        ("customers_10gb.csv", b"id\n1\n".to_vec(), Some(10 * 1024 * 1024 * 1024), "more than the limit"),
        ("customers_line.csv", [b"id,x\n1,".as_slice(), &zeros].concat(), None, "is larger than"),
        ("customers_bomb.gz", gz(format!("id,v\n{rows}").as_bytes()), None, "times its size"),
        ("customers_bomb.zip", zip(&[("customers.csv", rows.as_bytes())]), None, "times its size"),
        ("customers_columns.csv", wide_header.into_bytes(), None, "more than 4096 cells"),
        ("customers_climb.zip", zip(&[("../../customers.csv", b"id\n1\n")]), None, "leads out of its folder"),
        ("customers_picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), None, "no text file"),
        ("customers_notazip.zip", b"PK\x03\x04 this is none".to_vec(), None, "no whole zip"),
        ("customers_laughs.xml", laughs.into(), None, "DOCTYPE"),
        ("customers_entity.xml", b"<l><customer><id>&nbsp;</id></customer></l>".to_vec(), None, "entity"),
        ("customers_deep.xml", deep.into_bytes(), None, "deep"),
        ("customers_text.xml", [b"<l><customer><id>1</id><n>".as_slice(), &zeros].concat(), None, "is larger than"),
        ("customers_broken.xml", b"<l><customer><id>1</id></wrong></customer></l>".to_vec(), None, "broken"),
    ];
    for (name, content, size, expected) in cases {
        let rejects = hostile(name, content, size).await;
        assert_eq!(rejects.len(), 1, "{name}: {rejects:?}");
        let said = &rejects[0].said;
        assert!(said.contains(expected), "{name}: {said}");
        assert!(rejects[0].place.starts_with(name) && !rejects[0].fix.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_row_of_too_many_cells_costs_only_itself() {
    let csv = format!("id,v\n1,x\n2{}\n3,y\n", ",z".repeat(5_000));
    let read = read_one(csv, &[]).await;
    assert_eq!(read.ids(), ["1", "3"]);
    assert_eq!(read.rejected(), [("customers.csv line 3", "the row has more than 4096 cells")]);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_costs_one_line_even_in_a_long_file() {
    let mut csv = String::from("id,v\n1,\"open\n");
    for n in 2..100_000 {
        csv.push_str(&format!("{n},some text that makes the file longer than a record may be\n"));
    }
    let read = read_one(csv, &[]).await;
    assert_eq!(read.rejected(), [("customers.csv line 2", "a quote is opened and never closed")]);
    assert_eq!(read.records.len(), 99_998);
}

#[tokio::test]
async fn of_a_zip_with_several_files_the_fitting_ones_are_read() {
    let bench = bench(&[]);
    let content = zip(&[
        ("deals.csv", b"id\n9\n"),
        ("customers_2.csv", b"id\n2\n"),
        ("__MACOSX/x", b"x"),
        ("customers_1.csv", b"id\nbad,row\n1\n"),
    ]);
    bench.memory.put("customers.zip", content);
    let read = bench.read().await;
    assert_eq!(read.ids(), ["1", "2"]);
    assert_eq!(read.rejects[0].place, "customers.zip/customers_1.csv line 2");
}

#[tokio::test]
async fn one_record_is_found_in_its_newest_file() {
    let bench = bench(&[]);
    bench.memory.put("customers_1.csv", "id,v\n1,old\n2,only\n");
    bench.memory.put("customers_2.csv", "id,v\n1,new\n1,newest\n");
    let one = |id: &'static str| bench.folder.one(ObjectKind::Customer, id, Utc::now());
    assert_eq!(one("1").await.unwrap().unwrap().body["v"], json!("newest"));
    assert_eq!(one("2").await.unwrap().unwrap().body["v"], json!("only"));
    assert_eq!(one("3").await.unwrap(), None);
}

#[tokio::test]
async fn nested_xml_keeps_attributes_lists_and_text() {
    let xml = "<x:all xmlns:x='urn:x'><x:customer no='7'><!-- c --><id>1</id><phone type='home'>1</phone><phone>2</phone>\
               <name><first>A &amp; B</first></name></x:customer></x:all>";
    let read = read_one(xml, &[]).await;
    assert_eq!(
        read.records[0].body,
        json!({"@no": "7", "rec_id": null, "ID": "1", "Phone": [{"@type": "home", "#text": "1"}, "2"], "Name": {"first": "A & B"}})
            .as_object()
            .map(|all| all.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect::<serde_json::Map<_, _>>())
            .map(serde_json::Value::Object)
            .unwrap()
    );
}

/// Mutates a valid file at random places.
fn mutated(valid: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    prop::collection::vec(change, 0..12).prop_map(move |changes| {
        let mut bytes = valid.as_bytes().to_vec();
        for (place, byte, kind) in changes {
            let at = place.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if at < bytes.len() => {
                    bytes.remove(at);
                }
                _ => bytes.truncate(at),
            }
            if bytes.is_empty() {
                bytes.push(byte);
            }
        }
        bytes
    })
}

fn survives(content: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = bench(&[("snapshot", "yes")]);
        bench.memory.put("customers.dat", content);
        match bench.try_read(ObjectKind::Customer, None).await {
            Ok(_) => {}
            // A mutated header has no key any more: the dealer is told.
            Err(error) => assert_eq!(error.code(), "misconfigured:key_columns", "{error}"),
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_csv_is_read_or_refused_and_never_panics(content in mutated("id,name,\"no\"\"te\"\r\n1,Ann,\"a\nb\"\r\n2,J\u{e9},x\r\n3,,\r\n")) {
        survives(content);
    }

    #[test]
    fn mutated_xml_is_read_or_refused_and_never_panics(content in mutated("<?xml version=\"1.0\" encoding=\"utf-8\"?><a x='1'><customer i=\"&lt;\"><id>1</id><n><![CDATA[x]]></n></customer><customer><id>2&#233;</id></customer></a>")) {
        survives(content);
    }

    #[test]
    fn anything_is_read_or_refused_and_never_panics(content in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(content);
    }

    #[test]
    fn a_mutated_zip_or_gzip_is_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), gzip in any::<bool>()) {
        let csv = "id,v\n1,a\n2,b\n".repeat(20);
        let mut content = if gzip { gz(csv.as_bytes()) } else { zip(&[("customers.csv", csv.as_bytes())]) };
        for (place, byte) in changes {
            let at = place.index(content.len());
            content[at] = byte;
        }
        survives(content);
    }

    #[test]
    fn what_a_csv_writer_writes_is_read_back(rows in prop::collection::vec(prop::collection::vec("[a-z\"\n\r,;\u{e9} ]{0,12}", 3), 1..40)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["id", "a", "b", "c"]).unwrap();
        for (n, row) in rows.iter().enumerate() {
            writer.write_record(std::iter::once(n.to_string()).chain(row.iter().cloned())).unwrap();
        }
        let content = writer.into_inner().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(read_one(content, &[]));
        prop_assert_eq!(read.rejected(), vec![]);
        prop_assert_eq!(read.records.len(), rows.len());
        for (record, row) in read.records.iter().zip(&rows) {
            for (name, cell) in ["a", "b", "c"].iter().zip(row) {
                let got = record.body.get(*name).and_then(|v| v.as_str()).unwrap_or_default();
                prop_assert_eq!(got, cell.trim());
            }
        }
    }
}
