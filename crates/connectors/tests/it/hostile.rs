//! Files made to hurt: each is refused or kept aside with words that help, in bounded memory, and hurts no other.

use crate::files_support::{Pulled, access, credentials, pull, settings};
use async_trait::async_trait;
use connectors::{Access, ConnectorError, UploadedFile, Uploads};
use domain::ObjectKind;
use flate2::{Compress, Compression, FlushCompress};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use testkit::Sshd;
use tokio::io::{AsyncRead, ReadBuf};

const MIB: u64 = 1024 * 1024;
/// R21.
const EXTRA_BYTES_MAX: u64 = 256 * MIB;
/// Generous: this is a debug build on a busy machine. What it really takes is printed.
const TIME_MAX: Duration = Duration::from_secs(120);

/// A file of any size in a few bytes: a head, a piece that repeats, a tail.
#[derive(Clone)]
struct Made {
    head: Vec<u8>,
    unit: Vec<u8>,
    times: u64,
    tail: Vec<u8>,
}

impl Made {
    fn small(bytes: impl Into<Vec<u8>>) -> Self {
        Self { head: bytes.into(), unit: Vec::new(), times: 0, tail: Vec::new() }
    }

    fn size(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.unit.len() as u64 * self.times
    }

    /// The bytes from here to the end of their piece.
    fn at(&self, at: u64) -> &[u8] {
        let (head, unit) = (self.head.len() as u64, self.unit.len() as u64);
        if at < head {
            return &self.head[at as usize..];
        }
        let at = at - head;
        if at < unit * self.times {
            return &self.unit[(at % unit) as usize..];
        }
        self.tail.get((at - unit * self.times) as usize..).unwrap_or_default()
    }
}

struct Reading {
    made: Made,
    at: u64,
}

impl AsyncRead for Reading {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = self.made.at(self.at);
        let take = rest.len().min(into.remaining());
        into.put_slice(&rest[..take]);
        self.at += take as u64;
        Poll::Ready(Ok(()))
    }
}

struct Folder(Vec<(&'static str, Made)>);

#[async_trait]
impl Uploads for Folder {
    async fn list(&self) -> Result<Vec<UploadedFile>, ConnectorError> {
        let at = chrono::Utc::now() - chrono::TimeDelta::hours(1);
        Ok(self
            .0
            .iter()
            .map(|(name, made)| UploadedFile { name: (*name).to_owned(), size_bytes: made.size(), at })
            .collect())
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Box<dyn AsyncRead + Send + Unpin>, ConnectorError> {
        let (_, made) = self.0.iter().find(|(own, _)| *own == name).expect("a name that was listed");
        Ok(Box::new(Reading { made: made.clone(), at: offset }))
    }
}

fn folder(files: Vec<(&'static str, Made)>, more: &[(&str, &str)]) -> Access {
    let mut all = vec![("transport", "upload"), ("customers", "*")];
    all.extend_from_slice(more);
    let mut access = access(settings(&all));
    access.uploads = Arc::new(Folder(files));
    access
}

fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|one| one.strip_prefix(line)).unwrap();
    found.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// What comes of reading it, in bounded memory and time. nextest runs each test in a process of its own.
async fn read(what: &str, access: &Access) -> Result<Pulled, ConnectorError> {
    // The high-water mark starts over.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, began) = (memory("VmRSS:"), Instant::now());

    let pulled = pull(access, ObjectKind::Customer, None).await;

    let (extra, took) = (memory("VmHWM:").saturating_sub(before), began.elapsed());
    let result = match &pulled {
        Ok(pulled) => format!("{} records, {} rejects", pulled.records.len(), pulled.rejects.len()),
        Err(error) => format!("refused: {error}"),
    };
    eprintln!("{what}: {:.1} s, {} MiB more, {result}", took.as_secs_f64(), extra / MIB);
    assert!(extra <= EXTRA_BYTES_MAX, "{what} took {extra} bytes");
    assert!(took <= TIME_MAX, "{what} took {took:?}");
    pulled
}

/// Whether it was refused or kept aside, in words that say what to do.
fn told(pulled: &Result<Pulled, ConnectorError>) -> bool {
    match pulled {
        Ok(pulled) => pulled.rejects.iter().any(|reject| !reject.said.is_empty() && !reject.fix.is_empty()),
        Err(error) => !error.failure("Reading").fix.is_empty(),
    }
}

const GOOD: &str = "CustNo,First Name,Last Name\n1,Ann,Lee\n";

#[tokio::test]
async fn entities_that_grow_without_end_are_refused() {
    let mut laughs = String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n<!ENTITY lol0 \"lol\">\n");
    for n in 1..=9 {
        laughs.push_str(&format!("<!ENTITY lol{n} \"{}\">\n", format!("&lol{};", n - 1).repeat(10)));
    }
    laughs.push_str("]>\n<Customers><Customer><CustNo>1</CustNo><LastName>&lol9;</LastName></Customer></Customers>");
    let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Customers><Customer><CustNo>1</CustNo><LastName>&x;</LastName></Customer></Customers>";

    for (what, xml) in [("billion laughs", laughs.as_str()), ("an outside entity", outside)] {
        let files = vec![("customers.xml", Made::small(xml)), ("good.csv", Made::small(GOOD))];
        let pulled = read(what, &folder(files, &[])).await;
        assert!(told(&pulled), "{what} was not told");
        let records = pulled.map(|pulled| pulled.records).unwrap_or_default();
        assert!(records.iter().all(|record| !record.body.to_string().contains("root:")), "{what} was expanded");
        assert!(records.iter().any(|record| record.body["Last Name"] == "Lee"), "{what} took the good file with it");
    }
}

/// A deflated MiB of zeros that can stand beside others of its kind.
fn deflated_mib() -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![b'0'; MIB as usize], &mut out, FlushCompress::Sync)
        .unwrap();
    out
}

/// An empty last block.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Ten GiB of zeros in a gzip.
fn gzip_bomb() -> Made {
    let mut tail = LAST_BLOCK.to_vec();
    tail.extend([0; 8]);
    Made { head: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], unit: deflated_mib(), times: 10 * 1024, tail }
}

/// The same in a zip that says it is small.
fn zip_bomb() -> Made {
    let (unit, times, name) = (deflated_mib(), 10 * 1024_u64, b"customers.csv");
    let packed = u32::try_from(unit.len() as u64 * times + LAST_BLOCK.len() as u64).unwrap().to_le_bytes();
    let (said, length) = (4_000_000_u32.to_le_bytes(), u16::try_from(name.len()).unwrap().to_le_bytes());
    let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0x5b, 0, 0, 0, 0][..], &packed, &said, &length, &[0, 0]].concat();
    let head = [&[0x50, 0x4b, 3, 4][..], &common, name].concat();
    let start = head.len() as u64 + unit.len() as u64 * times + LAST_BLOCK.len() as u64;
    let directory = [&[0x50, 0x4b, 1, 2, 20, 0][..], &common, &[0; 14 - 4], &[0; 4], name].concat();
    let directory_bytes = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let end = [
        &[0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0][..],
        &directory_bytes,
        &u32::try_from(start).unwrap().to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    Made { head, unit, times, tail: [&LAST_BLOCK[..], &directory, &end].concat() }
}

#[tokio::test]
async fn ten_gibibytes_in_a_small_archive_are_refused() {
    for (what, name, bomb) in [("a gzip bomb", "bomb.csv.gz", gzip_bomb()), ("a zip bomb", "bomb.zip", zip_bomb())] {
        assert!(bomb.size() < 32 * MIB, "{}", bomb.size());
        let pulled = read(what, &folder(vec![(name, bomb), ("good.csv", Made::small(GOOD))], &[])).await;
        assert!(told(&pulled), "{what} was not told");
        let records = pulled.unwrap().records;
        assert!(records.iter().any(|record| record.body["Last Name"] == "Lee"), "{what} took the good file with it");
    }
}

/// The file ends where it stops being one; the one beside it is read.
fn costs_its_own_file_alone(pulled: &Pulled) {
    assert_eq!(pulled.rejects.len(), 1, "{:?}", pulled.rejects.iter().map(|reject| &reject.said).collect::<Vec<_>>());
    let reject = &pulled.rejects[0];
    assert!(reject.place == "customers.csv" && reject.said.contains("line 2"), "{}: {}", reject.place, reject.said);
    assert!(!reject.said.is_empty() && !reject.fix.is_empty());
    assert!(reject.raw.len() <= 1024 * 1024, "what is kept of it is bounded");
    assert!(pulled.records.iter().any(|record| record.body["Last Name"] == "Lee"), "the good file was lost with it");
}

#[tokio::test]
async fn one_line_of_a_gibibyte_costs_its_own_file_alone() {
    let made = Made {
        head: b"CustNo,Last Name\n1,".to_vec(),
        unit: vec![b'a'; 64 * 1024],
        times: 16 * 1024,
        tail: b"\n2,Ray\n".to_vec(),
    };
    let what = format!("one line of {} MiB", made.size() / MIB);

    let files = vec![("customers.csv", made), ("good.csv", Made::small(GOOD))];
    let pulled = read(&what, &folder(files, &[])).await.unwrap();

    costs_its_own_file_alone(&pulled);
}

#[tokio::test]
async fn a_million_columns_are_refused_in_the_header_and_in_a_row() {
    let names: String = (0..1_000_000).map(|n| format!("c{n},")).collect();
    let header = format!("CustNo,{names}Last Name\n1,Lee\n");
    let row = format!("CustNo,Last Name\n1,{}\n2,Ray\n", "x,".repeat(1_000_000));
    let beside = || ("good.csv", Made::small(GOOD));

    let files = vec![("customers.csv", Made::small(header)), beside()];
    let refused = read("a header of 1,000,000 columns", &folder(files, &[])).await;
    let files = vec![("customers.csv", Made::small(row)), beside()];
    let kept = read("a row of 1,000,000 cells", &folder(files, &[])).await.unwrap();

    assert!(told(&refused));
    costs_its_own_file_alone(&kept);
}

#[tokio::test]
async fn a_million_elements_within_each_other_are_refused() {
    let xml = format!("<Customers>{}{}</Customers>", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
    let pulled = read("XML 1,000,000 deep", &folder(vec![("customers.xml", Made::small(xml))], &[])).await;
    assert!(told(&pulled));
}

#[tokio::test]
async fn a_file_in_a_wrong_encoding_is_read_or_refused_with_its_name() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let noise: Vec<u8> = (0..MIB as u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("UTF-16", utf16, "auto"),
        ("Windows-1252 that is said to be UTF-8", b"CustNo,Last Name\n1,Mu\xf1oz\n".to_vec(), "utf-8"),
        ("UTF-8 that is said to be Windows-1252", "CustNo,Last Name\n1,Muñoz\n".into(), "windows-1252"),
        ("noise", noise, "auto"),
        ("zeros", vec![0; 4 * MIB as usize], "auto"),
    ];
    for (what, bytes, encoding) in cases {
        let files = vec![("customers.csv", Made::small(bytes)), ("good.csv", Made::small(GOOD.replace('1', "77")))];
        let pulled = read(what, &folder(files, &[("encoding", encoding)])).await;
        let is_read = pulled.as_ref().is_ok_and(|pulled| pulled.records.iter().any(|record| record.external_id == "1"));
        assert!(is_read || told(&pulled), "{what} was neither read nor told");
        let good = pulled.is_ok_and(|pulled| pulled.records.iter().any(|record| record.external_id == "77"));
        assert!(good, "{what} took the good file with it");
    }
}

#[tokio::test]
async fn links_and_names_that_lead_elsewhere_lead_nowhere() {
    let sshd = Sshd::start();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("customers.csv"), "CustNo,Last Name\n1,Secret\n").unwrap();
    let files = sshd.files();
    std::os::unix::fs::symlink(outside.path().join("customers.csv"), files.join("customers_link.csv")).unwrap();
    std::os::unix::fs::symlink(outside.path(), files.join("customers_folder.csv")).unwrap();
    std::os::unix::fs::symlink("customers_loop.csv", files.join("customers_loop.csv")).unwrap();
    std::fs::write(files.join("customers_good.csv"), GOOD).unwrap();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(files.join("customers.zip")).unwrap());
    for name in ["../../customers.csv", "/etc/customers.csv", "..\\customers.csv"] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        io::Write::write_all(&mut archive, b"CustNo,Last Name\n5,Zipped\n").unwrap();
    }
    archive.finish().unwrap();
    let before: Vec<_> = listing(&files);
    let all = settings(&[
        ("host", "127.0.0.1"),
        ("port", &sshd.port.to_string()),
        ("user", &sshd.user()),
        ("folder", files.to_str().unwrap()),
        ("customers", "customers*"),
    ]);

    let pulled =
        read("links and ../", &credentials(access(all), &[("private_key", &sshd.private_key())])).await.unwrap();

    assert!(pulled.records.iter().any(|record| record.body["Last Name"] == "Lee"));
    assert!(pulled.records.iter().all(|record| record.body["Last Name"] != "Secret"));
    assert_eq!(listing(&files), before, "nothing was written");
}

fn listing(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
