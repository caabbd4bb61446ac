//! The laws of a tower service, over the session.

use scrimp_reqwest::SessionLayer;
use scrimp_testkit::{Subject, contract};

contract!(Subject::new(SessionLayer::new));
