//! Writing pairs and clusters.

use crate::Failure;
use matching::engine::{Found, Table};
use std::path::Path;

/// Writes `id_l,id_r,probability,band`, by id.
pub(crate) fn pairs(file: &Path, table: &Table, found: &Found) -> Result<(), Failure> {
    write(file, |rows| {
        rows.write_record(["id_l", "id_r", "probability", "band"])?;
        for edge in &found.edges {
            let p = edge.probability();
            let told = format!("{p:.9}");
            let (left, right) = (table.id(edge.left as usize), table.id(edge.right as usize));
            rows.write_record([left, right, &told, found.bands.band(p).name()])?;
        }
        Ok(())
    })
}

/// Writes `id,golden_id`, by id.
pub(crate) fn clusters(file: &Path, table: &Table, found: &Found) -> Result<(), Failure> {
    write(file, |rows| {
        rows.write_record(["id", "golden_id"])?;
        for (place, root) in found.clusters.iter().enumerate() {
            rows.write_record([table.id(place), table.id(*root as usize)])?;
        }
        Ok(())
    })
}

fn write(file: &Path, fill: impl FnOnce(&mut csv::Writer<std::fs::File>) -> csv::Result<()>) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { file: file.display().to_string(), cause };
    let mut rows = csv::WriterBuilder::new().buffer_capacity(1 << 20).from_path(file).map_err(unwritable)?;
    fill(&mut rows).map_err(unwritable)?;
    rows.flush().map_err(|cause| unwritable(cause.into()))
}
