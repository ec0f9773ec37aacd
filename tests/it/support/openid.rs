//! A provider of OpenID Connect that nobody here wrote (oidc-provider, on node), and a browser's way through it.

use reqwest::{Client, Method, Response, redirect::Policy};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

pub const CLIENT: &str = "medislot";
pub const SECRET: &str = "a secret between the two";

pub struct OpenIdProvider {
    process: Child,
    pub issuer: String,
}

impl OpenIdProvider {
    /// Starts it; it sends people back to `redirect_uri`.
    pub fn start(redirect_uri: &str) -> Self {
        let mut process = Command::new("node")
            .args(["provider.mjs", CLIENT, SECRET, redirect_uri])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openid"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is needed: run scripts/test");
        // It has warnings before that, for those who would use it in earnest.
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let issuer = lines.find(|line| line.starts_with("http://"));
        let issuer = issuer.expect("npm ci is needed in tests/openid: run scripts/test");
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, issuer }
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser without pictures: it keeps cookies, and follows what it is told to.
#[derive(Default)]
pub struct Wanderer {
    cookies: BTreeMap<String, String>,
}

impl Wanderer {
    async fn requests(&mut self, method: Method, url: &str, form: &[(&str, &str)]) -> Response {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = client.request(method, url).header("cookie", cookies.join("; "));
        if !form.is_empty() {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Opens a page; where it leads, if it leads elsewhere.
    pub async fn opens(&mut self, url: &str) -> Option<String> {
        let answer = self.requests(Method::GET, url, &[]).await;
        answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned())
    }

    /// Signs in as `name` at the provider's page behind `url`, and agrees; where that leads in the end, away from the provider.
    pub async fn signs_in(&mut self, url: &str, name: &str) -> String {
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        let whole = |location: String| if location.starts_with('/') { format!("{origin}{location}") } else { location };
        let mut next = url.to_owned();
        for _ in 0..10 {
            if !next.starts_with(&origin) {
                return next;
            }
            next = match self.opens(&next).await {
                Some(location) => whole(location),
                None => {
                    // Its page asks who it is, and then whether they agree.
                    let page = self.requests(Method::GET, &next, &[]).await.text().await.unwrap();
                    let is_login = page.contains("name=\"login\"");
                    let form: &[_] = if is_login {
                        &[("prompt", "login"), ("login", name), ("password", "any")]
                    } else {
                        &[("prompt", "consent")]
                    };
                    let answer = self.requests(Method::POST, &next, form).await;
                    let location = answer.headers().get("location").unwrap_or_else(|| panic!("{page}"));
                    whole(location.to_str().unwrap().to_owned())
                }
            };
        }
        panic!("the provider leads nowhere: {next}");
    }
}
