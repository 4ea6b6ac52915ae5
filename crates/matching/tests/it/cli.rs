//! `driveline-match` as people run it: the FEBRL files with their truth, and files as hostile as exports are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FEBRL: &str = "first=given_name,last=surname,street_number=street_number,street=address_1,unit=address_2,\
                     city=suburb,zip=postcode,state=state,birth=date_of_birth,licence=soc_sec_id";

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_driveline-match")).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", err(output));
    serde_json::from_str(&out(output)).unwrap()
}

/// A file of the FEBRL sets with its blanks trimmed; `None` where the sets are not on this machine.
fn febrl(folder: &Path, name: &str) -> Option<(PathBuf, Vec<String>)> {
    let source = PathBuf::from(std::env::var_os("DRIVELINE_FEBRL_DIR")?).join(name);
    let text = fs::read_to_string(source).unwrap();
    let lines: Vec<String> =
        text.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>().join(",")).collect();
    let file = folder.join(name);
    fs::write(&file, lines.join("\n")).unwrap();
    let ids = lines.iter().skip(1).filter_map(|line| line.split(',').next().map(ToOwned::to_owned)).collect();
    Some((file, ids))
}

fn truth(folder: &Path, sides: &[&[String]]) -> PathBuf {
    let mut text = "id,entity,side\n".to_owned();
    for (side, ids) in sides.iter().enumerate() {
        for id in *ids {
            text.push_str(&format!("{id},{},{side}\n", id.split('-').nth(1).unwrap()));
        }
    }
    let file = folder.join("truth.csv");
    fs::write(&file, text).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_file_of_the_statisticians_is_deduplicated_explained_and_audited() {
    let folder = tempfile::tempdir().unwrap();
    let Some((file, ids)) = febrl(folder.path(), "dataset3.csv") else { return };
    let truth = truth(folder.path(), &[&ids]);
    let (pairs, clusters) = (folder.path().join("pairs.csv"), folder.path().join("clusters.csv"));
    let common = ["--id", "rec_id", "--map", FEBRL];

    let found =
        run(&[&["dedupe", text(&file), "--pairs", text(&pairs), "--clusters", text(&clusters), "--json"][..], &common]
            .concat());
    let told =
        json(&run(&["evaluate", "--truth", text(&truth), "--pairs", text(&pairs), "--clusters", text(&clusters)]));
    let explained = json(&run(&[&["explain", text(&file), "rec-0-org", "rec-1-org", "--json"][..], &common].concat()));
    let audited = json(&run(&[&["audit", text(&file), "--json"][..], &common].concat()));

    assert_eq!(json(&found)["records"], 5000);
    let of = |path: &str| told.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    assert!(of("/pairs/at_cut/f1") >= 0.9960 && of("/clusters_pairwise/f1") >= 0.9950, "{told}");
    assert!(of("/pairs/auto/precision") >= 0.999 && of("/pairs/auto_and_review/recall") >= 0.99, "{told}");
    assert!(of("/pairs/queue_percent") <= 3.0, "{told}");
    let bits: f64 = explained["steps"].as_array().unwrap().iter().map(|step| step["bits"].as_f64().unwrap()).sum();
    assert!((bits - explained["log2_odds"].as_f64().unwrap()).abs() < 1e-6, "{explained}");
    assert_eq!(audited["duplicates"], json(&found)["merged"]);
    assert_eq!(fs::read_to_string(&clusters).unwrap().lines().count(), 5001);
}

#[test]
fn two_files_of_the_statisticians_are_linked_by_name_and_address_alone() {
    let folder = tempfile::tempdir().unwrap();
    let Some((left, left_ids)) = febrl(folder.path(), "dataset4a.csv") else { return };
    let Some((right, right_ids)) = febrl(folder.path(), "dataset4b.csv") else { return };
    let truth = truth(folder.path(), &[&left_ids, &right_ids]);
    let (pairs, clusters) = (folder.path().join("pairs.csv"), folder.path().join("clusters.csv"));
    let fields = FEBRL.split(",birth=").next().unwrap();

    let found = run(&[
        "link",
        text(&left),
        text(&right),
        "--id",
        "rec_id",
        "--map",
        fields,
        "--pairs",
        text(&pairs),
        "--clusters",
        text(&clusters),
        "--json",
    ]);
    let told = json(&run(&["evaluate", "--truth", text(&truth), "--pairs", text(&pairs)]));

    assert_eq!(json(&found)["records"], 10_000);
    assert!(told.pointer("/pairs/at_cut/f1").and_then(serde_json::Value::as_f64).unwrap() >= 0.9860, "{told}");
}

#[test]
fn bad_rows_are_told_by_line_and_the_rest_is_matched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.csv");
    let mut bytes =
        b"id,first,last,email\n1,Ann,Lee,ann@mail.example\n2,Ann,Lee\n2,Ann,Lee,ann@mail.example,more\n".to_vec();
    bytes.extend(
        b"3,Ann,Lee,ann@mail.example\n3,Tom,Ray,tom@mail.example\n,No,Id,x@mail.example\n4,\xff\xfe,\"Ra\"\"y\n\",\n",
    );
    fs::write(&file, bytes).unwrap();

    let found = run(&["dedupe", text(&file), "--id", "id", "--json"]);

    let (told, complaints) = (json(&found), err(&found));
    assert_eq!((&told["records"], &told["bad_rows"], &told["merged"]), (&3.into(), &4.into(), &1.into()), "{told}");
    for line in ["line 3: left out, it has 3 cells", "line 4: left out, it has 5 cells", "line 6", "line 7"] {
        assert!(complaints.contains(line), "{complaints}");
    }
}

#[test]
fn what_cannot_be_used_ends_with_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        text(&file).to_owned()
    };
    let good = at("good.csv", "id,first,last\n1,Ann,Lee\n2,Tom,Ray\n");
    let strange = at("strange.csv", "alpha,beta\n1,2\n");
    let empty = at("empty.csv", "");
    let odd = at("odd.csv", "id,entity\n1\n");
    let nowhere = format!("{}/no/pairs.csv", text(folder.path()));
    let cases: [(&[&str], &str); 14] = [
        (&["dedupe", "/no/such/file.csv"], "check the path"),
        (&["dedupe", text(folder.path())], "cannot open"),
        (&["dedupe", &strange], "--map first="),
        (&["dedupe", &empty], "empty"),
        (&["dedupe", &good, "--id", "number"], "there are: id, first, last"),
        (&["dedupe", &good, "--map", "first=vorname"], "there is no column `vorname`"),
        (&["dedupe", &good, "--map", "colour=first"], "there is no field colour"),
        (&["dedupe", &good, "--map", "first"], "is not FIELD=COLUMN"),
        (&["dedupe", &good, "--threads", "0"], "--threads"),
        (&["dedupe", &good, "--fast"], "--fast"),
        (&["dedupe", &good, "--pairs", &nowhere], "check the path"),
        (&["link", &good], "<RIGHT>"),
        (&["explain", &good, "1", "9", "--id", "id"], "no row has the id 9"),
        (&["evaluate", "--truth", &odd], "line 2: it wants id,entity"),
    ];
    for (arguments, what) in cases {
        let output = run(arguments);
        let complaint = err(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(what), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_file_without_rows_has_no_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.csv");
    fs::write(&file, "id,first,last\n").unwrap();
    for arguments in [&["dedupe", text(&file), "--json"][..], &["audit", text(&file), "--json"]] {
        assert_eq!(json(&run(arguments))["records"], 0);
    }
}
