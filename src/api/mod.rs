//! The edge: HTTP, WebSocket and server-sent events. All pass the same door ([`operation`]): who is asking, is it small enough, is it let run.

mod account_page;
mod address;
mod allowance;
mod captured_mail;
mod document;
mod graphiql;
mod health;
mod http;
mod keys;
mod lifetime;
mod live;
mod negotiation;
mod openid;
mod operation;
mod parameters;
mod reader;
mod router;
mod serve;
mod sse;
mod text;
mod trace;
mod variables;
mod websocket;

pub use allowance::Allowance;
pub use lifetime::Lifetime;
pub use live::Live;
pub use operation::Api;
pub use reader::Reader;
pub use serve::serve;
