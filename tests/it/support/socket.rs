//! A WebSocket that speaks graphql-transport-ws.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn open(address: &str) -> Self {
        Self::try_open(address, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    pub async fn try_open(address: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            // Nobody is there.
            Err(_) => Err(0),
        }
    }

    /// One on whose way there is room for little.
    pub async fn open_narrow(address: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(128 * 1024).unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(address.parse().unwrap()).await.unwrap());
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        Self { stream: client_async(request, stream).await.unwrap().0 }
    }

    pub async fn says(&mut self, message: Value) {
        self.says_text(&message.to_string()).await;
    }

    pub async fn says_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub async fn init(&mut self, token: Option<&str>) {
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        self.says(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(self.hears().await["type"], "connection_ack");
    }

    pub async fn subscribes(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.says(json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// Subscribes, and waits until whatever happens from now on will be heard.
    pub async fn watches(&mut self, id: &str, query: &str, variables: Value) {
        self.subscribes(id, query, variables).await;
        self.listens().await;
    }

    /// Waits until all subscriptions of this socket have begun: a mutation waits for those that were asked for before it.
    pub async fn listens(&mut self) {
        self.subscribes("listens", "mutation { __typename }", json!({})).await;
        for expected in ["next", "complete"] {
            let message = self.hears().await;
            assert_eq!((&message["id"], &message["type"]), (&json!("listens"), &json!(expected)), "{message}");
        }
    }

    pub async fn closes(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.stream.send(Message::Close(Some(frame))).await.unwrap();
    }

    /// The next message that is not a ping.
    pub async fn hears(&mut self) -> Value {
        match self.next().await {
            Ok(message) => message,
            Err(code) => panic!("closed with {code}"),
        }
    }

    /// The code that the server closes with.
    pub async fn is_closed(&mut self) -> u16 {
        self.hears_until_closed().await.1
    }

    /// What the server says before it closes, and the code that it closes with.
    pub async fn hears_until_closed(&mut self) -> (Vec<Value>, u16) {
        let mut heard = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => heard.push(message),
                Err(code) => return (heard, code),
            }
        }
    }

    /// The next message that is not a ping, or the code that the server closes with.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await.expect("the server says nothing");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Whether nothing comes for a moment.
    pub async fn is_silent(&mut self, moment: Duration) -> bool {
        timeout(moment, self.next()).await.is_err()
    }
}
