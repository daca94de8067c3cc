//! Apache Parquet: one row a point, the columns of [`super::cells`], no compression (any reader reads it).

use super::Format;
use super::cells::{Cell, Column, Kind, columns, row};
use anyhow::{Context, bail};
use lapwing_server::history::{HistoryPoint, TrackRecord};
use parquet::basic::{LogicalType, Repetition, TimeUnit, TimestampType, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::io::Write;
use std::sync::Arc;

/// Rows of one group: what is held in memory.
const GROUP_ROWS: usize = 50_000;

pub(crate) struct Writer<'a> {
    file: SerializedFileWriter<Box<dyn Write + Send + 'a>>,
    rows: Vec<Vec<Cell>>,
    personal: bool,
}

fn field(column: &Column) -> anyhow::Result<Arc<Type>> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Time => {
            let time = TimestampType { is_adjusted_to_u_t_c: true, unit: TimeUnit::NANOS };
            (Physical::INT64, Some(LogicalType::Timestamp(time)))
        }
        Kind::Wide => (Physical::DOUBLE, None),
        Kind::Short => (Physical::FLOAT, None),
        Kind::Flag => (Physical::BOOLEAN, None),
    };
    let repetition = if column.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    let builder = Type::primitive_type_builder(column.name, physical);
    let field = builder.with_repetition(repetition).with_logical_type(logical).build()?;
    Ok(Arc::new(field))
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: Box<dyn Write + Send + 'a>, personal: bool) -> anyhow::Result<Self> {
        let fields = columns(personal).map(field).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("point").with_fields(fields).build()?);
        let told = [
            ("lapwing.version", env!("CARGO_PKG_VERSION")),
            ("lapwing.horizontal_datum", "WGS 84"),
            ("lapwing.heights", "each column's name says its datum; altitude_msl_m is above EGM96; null is unknown"),
        ];
        let told = told.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned())).to_vec();
        let properties = WriterProperties::builder().set_key_value_metadata(Some(told)).build();
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(Self { file, rows: Vec::new(), personal })
    }

    fn group(&mut self) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.file.next_row_group()?;
        for (number, column) in columns(self.personal).enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(number));
            let mut writer = group.next_column()?.context("a column too many")?;
            write_column(&mut writer, column, cells)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn write_column<'c>(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column,
    cells: impl Iterator<Item = &'c Cell>,
) -> anyhow::Result<()> {
    let mut levels: Vec<i16> = Vec::new();
    let (mut texts, mut times, mut numbers, mut flags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let known = match cell {
            Cell::Text(text) => text.as_ref().map(|t| texts.push(ByteArray::from(t.as_str()))).is_some(),
            Cell::Number(number) => number.map(|n| numbers.push(n)).is_some(),
            Cell::Time(time) => {
                times.push(time.as_nanos());
                true
            }
            Cell::Flag(flag) => {
                flags.push(*flag);
                true
            }
        };
        if column.required && !known {
            bail!("{} is missing", column.name);
        }
        levels.push(i16::from(known));
    }
    let levels = (!column.required).then_some(levels.as_slice());
    match column.kind {
        Kind::Text => writer.typed::<ByteArrayType>().write_batch(&texts, levels, None)?,
        Kind::Time => writer.typed::<Int64Type>().write_batch(&times, levels, None)?,
        Kind::Wide => writer.typed::<DoubleType>().write_batch(&numbers, levels, None)?,
        Kind::Short => {
            let single: Vec<f32> = numbers.iter().map(|n| *n as f32).collect();
            writer.typed::<FloatType>().write_batch(&single, levels, None)?
        }
        Kind::Flag => writer.typed::<BoolType>().write_batch(&flags, levels, None)?,
    };
    Ok(())
}

impl Format for Writer<'_> {
    fn track(&mut self, track: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()> {
        for point in points {
            self.rows.push(row(track, point, self.personal));
            if self.rows.len() >= GROUP_ROWS {
                self.group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.group()?;
        self.file.close()?;
        Ok(())
    }
}
