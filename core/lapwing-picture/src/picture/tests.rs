mod alerts;
mod anafi;
mod books;
mod claims;
mod late;
mod save;
mod scene;

use super::*;
use scene::*;
mod forgery;
