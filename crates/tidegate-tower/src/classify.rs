//! Which responses are refusals.
//!
//! Each classifier looks at the head of a response, its status and its headers, and says what it means for the gate.
//! They work wherever a [`tidegate_time_lock::Classify`] is asked for, with responses of `http` whatever the body and
//! the error are; and with every other kind of response by way of its [`Head`].
//!
//! | Classifier | For |
//! | --- | --- |
//! | [`Http`] | most servers |
//! | [`Nginx`] | servers that answer 503 and nothing else |
//! | [`GitHub`] | GitHub's two kinds of limits |
//! | [`Discord`] | limits by bucket and limits for everybody |
//! | [`OpenAi`] | limits in tokens, and whoever has the same API |
//! | [`Grpc`] | gRPC, by its status |

mod discord;
mod github;
mod grpc;
mod head;
mod http;
mod open_ai;

pub use self::discord::Discord;
pub use self::github::GitHub;
pub use self::grpc::Grpc;
pub use self::head::{ByHead, ClassifyHead, Head};
pub use self::http::{Http, Nginx};
pub use self::open_ai::OpenAi;
