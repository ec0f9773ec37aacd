//! Chromium without a window, over its `DevTools` protocol.

use super::eventually;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// A browser with a profile of its own.
pub struct Browser {
    process: Child,
    tools: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u64,
    _profile: tempfile::TempDir,
}

/// A tab of a browser.
#[derive(Clone, Debug)]
pub struct Tab(String);

impl Browser {
    /// Starts Chromium, which is looked for by the names that systems give it, or where `CHROMIUM` says.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let named = std::env::var("CHROMIUM").ok();
        let usual = ["chromium", "chromium-browser", "google-chrome"].map(str::to_owned);
        let spawn = |name: String| {
            let mut command = Command::new(name);
            command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
            command.args(["--remote-debugging-port=0", "--window-size=1400,900"]);
            command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()
        };
        let process = named.into_iter().chain(usual).find_map(spawn);
        let mut process = process.expect("Chromium is missing: scripts/test installs it on Debian, or set CHROMIUM");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| Some(line.ok()?.strip_prefix("DevTools listening on ")?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let (tools, _) = connect_async(address.expect("Chromium ended")).await.unwrap();
        Self { process, tools, last_id: 0, _profile: profile }
    }

    async fn calls(&mut self, tab: Option<&Tab>, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut call = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(Tab(session)) = tab {
            call["sessionId"] = json!(session);
        }
        self.tools.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let message = self.tools.next().await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap_or_default();
            // The rest tells what happens in the tabs.
            if answer["id"] == self.last_id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Opens a page in a new tab.
    pub async fn opens(&mut self, address: &str) -> Tab {
        let target = self.calls(None, "Target.createTarget", json!({ "url": address })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.calls(None, "Target.attachToTarget", attach).await;
        Tab(attached["sessionId"].as_str().unwrap().to_owned())
    }

    /// What a script comes to on a page.
    pub async fn evaluates(&mut self, tab: &Tab, script: &str) -> Value {
        let parameters = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.calls(Some(tab), "Runtime.evaluate", parameters).await;
        answer["result"]["value"].clone()
    }

    /// Clicks on what a selector finds, once it is there; the first with this text in it.
    pub async fn clicks(&mut self, tab: &Tab, selector: &str, text: &str) {
        let script = format!(
            "(() => {{ const found = [...document.querySelectorAll({selector:?})].find((element) => element.textContent.includes({text:?}) && !element.disabled && element.checkVisibility());
                if (found) found.click(); return Boolean(found); }})()"
        );
        self.calls(Some(tab), "Page.bringToFront", json!({})).await;
        let what = format!("{selector} {text:?}");
        eventually(&what, async || (self.evaluates(tab, &script).await == true).then_some(())).await;
    }

    /// Waits until the text of what a selector finds has this in it.
    pub async fn sees(&mut self, tab: &Tab, selector: &str, text: &str) {
        // A page that nobody looks at is not drawn.
        self.calls(Some(tab), "Page.bringToFront", json!({})).await;
        let script = format!("document.querySelector({selector:?})?.textContent ?? ''");
        let what = format!("{text:?} in {selector}");
        let has_come = async || {
            let seen = self.evaluates(tab, &script).await;
            seen.as_str().is_some_and(|seen| seen.contains(text)).then_some(())
        };
        eventually(&what, has_come).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
