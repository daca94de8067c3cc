mod alerts;
mod anafi;
mod books;
mod claims;
mod forgery;
mod gather;
mod late;
mod measured;
mod placed;
mod receivers;
mod save;
mod scene;
mod silence;
mod tell;

use super::*;
use scene::*;
