//! Mode S and ADS-B.

pub mod avr;
pub mod beast;
pub mod crc;
pub mod frame;
