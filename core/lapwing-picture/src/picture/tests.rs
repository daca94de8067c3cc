mod alerts;
mod anafi;
mod books;
mod claims;
mod scene;

use super::*;
use scene::*;
mod forgery;
