//! The command line.

use clap::{Args, Parser, Subcommand};
use matching::engine::Input;
use std::path::PathBuf;

/// Finds who is who in a file or between two, and says why.
#[derive(Parser)]
#[command(name = "driveline-match", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Finds duplicates in one file.
    Dedupe {
        /// The file, CSV with a header.
        input: PathBuf,
        #[command(flatten)]
        matching: Matching,
    },
    /// Finds the same people in two files.
    Link {
        /// The one file.
        left: PathBuf,
        /// The other.
        right: PathBuf,
        #[command(flatten)]
        matching: Matching,
    },
    /// Says why two rows are or are not the same person.
    Explain {
        /// The file, CSV with a header.
        input: PathBuf,
        /// The id of a row.
        left: String,
        /// The id of another.
        right: String,
        #[command(flatten)]
        matching: Matching,
    },
    /// Says what is wrong with a file: duplicates, placeholders, shared and invalid values.
    Audit {
        /// The file, CSV with a header.
        input: PathBuf,
        #[command(flatten)]
        matching: Matching,
    },
    /// Holds pairs and clusters against the truth (`id,entity[,side]`), whoever found them.
    Evaluate {
        /// Who is who: `id,entity`, and for two files the side, 0 or 1.
        #[arg(long)]
        truth: PathBuf,
        /// Pairs: `id_l,id_r,probability[,band]`.
        #[arg(long)]
        pairs: Option<PathBuf>,
        /// Clusters: `id,golden_id`.
        #[arg(long)]
        clusters: Option<PathBuf>,
        /// The least probability that counts as found.
        #[arg(long, default_value_t = 0.5)]
        cut: f64,
    },
}

#[derive(Args)]
pub(crate) struct Matching {
    /// The column that names a row; row numbers where there is none.
    #[arg(long)]
    pub id: Option<String>,
    /// Which field a column is: `first=given_name,last=surname,…`. Guessed from the header where not given.
    #[arg(long, value_delimiter = ',', value_parser = mapping)]
    pub map: Vec<(Input, String)>,
    /// Where to write pairs.
    #[arg(long)]
    pub pairs: Option<PathBuf>,
    /// Where to write clusters.
    #[arg(long)]
    pub clusters: Option<PathBuf>,
    /// Where to write which blocks each row is in, for another engine that is to compare the same pairs.
    #[arg(long)]
    pub blocks: Option<PathBuf>,
    /// How many threads; one per core where not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// At most one row of each file, or of each `source`, in a cluster.
    #[arg(long)]
    pub one_per_source: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn mapping(text: &str) -> Result<(Input, String), String> {
    let (field, column) = text.split_once('=').ok_or_else(|| format!("`{text}` is not FIELD=COLUMN"))?;
    let field = field.trim().parse::<Input>().map_err(|cause| cause.to_string())?;
    Ok((field, column.trim().to_owned()))
}
