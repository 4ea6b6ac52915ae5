//! Writing pairs, clusters and blocks.

use crate::Failure;
use matching::engine::{BlockLimits, BlocksOfAll, Found, Table};
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

/// Writes the blocks of each row: a column per rule, several numbers parted by `;`.
pub(crate) fn blocks(file: &Path, table: &Table) -> Result<(), Failure> {
    let blocks = BlocksOfAll::of(table, BlockLimits::for_records(table.len()));
    let rules = blocks.rules();
    write(file, |rows| {
        rows.write_record(std::iter::once("id").chain(rules.iter().copied()))?;
        for record in 0..table.len() {
            let cell =
                |rule| blocks.of_record(record, rule).map(|block| block.to_string()).collect::<Vec<_>>().join(";");
            let cells = std::iter::once(table.id(record).to_owned()).chain((0..rules.len()).map(cell));
            rows.write_record(cells)?;
        }
        Ok(())
    })
}

/// Makes a file, empty, so that a path that cannot be used is told at once.
pub(crate) fn make(file: &Path) -> Result<(), Failure> {
    let unopened = |cause| Failure::Unopened { file: file.display().to_string(), cause };
    std::fs::File::create(file).map(|_| ()).map_err(unopened)
}

fn write(file: &Path, fill: impl FnOnce(&mut csv::Writer<std::fs::File>) -> csv::Result<()>) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { file: file.display().to_string(), cause };
    let mut rows = csv::WriterBuilder::new().buffer_capacity(1 << 20).from_path(file).map_err(unwritable)?;
    fill(&mut rows).map_err(unwritable)?;
    rows.flush().map_err(|cause| unwritable(cause.into()))
}
