//! CSV (RFC 4180): a header, CRLF, text always quoted, unknown is an empty field, UTF-8.

use super::Format;
use super::cells::{Cell, Kind, columns, row};
use super::text;
use lapwing_server::history::{HistoryPoint, TrackRecord};
use std::io::Write;

pub(crate) struct Writer<'a> {
    out: Box<dyn Write + Send + 'a>,
    personal: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(mut out: Box<dyn Write + Send + 'a>, personal: bool) -> anyhow::Result<Self> {
        let names: Vec<&str> = columns(personal).map(|c| c.name).collect();
        writeln!(out, "{}\r", names.join(","))?;
        Ok(Self { out, personal })
    }
}

impl Format for Writer<'_> {
    fn track(&mut self, track: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()> {
        for point in points {
            let cells = row(track, point, self.personal);
            let mut line = String::new();
            for (number, (cell, column)) in cells.into_iter().zip(columns(self.personal)).enumerate() {
                if number > 0 {
                    line.push(',');
                }
                match cell {
                    Cell::Text(Some(value)) => line.push_str(&text::csv(&value)),
                    Cell::Time(time) => line.push_str(&time.to_string()),
                    Cell::Number(Some(value)) if !value.is_finite() => {}
                    Cell::Number(Some(value)) if column.kind == Kind::Short => line.push_str(&text::short(value)),
                    Cell::Number(Some(value)) => line.push_str(&value.to_string()),
                    Cell::Flag(flag) => line.push_str(if flag { "true" } else { "false" }),
                    Cell::Text(None) | Cell::Number(None) => {}
                }
            }
            writeln!(self.out, "{line}\r")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}
