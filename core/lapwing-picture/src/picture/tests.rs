mod alerts;
mod anafi;
mod books;
mod claims;
mod late;
mod scene;

use super::*;
use scene::*;
mod forgery;
