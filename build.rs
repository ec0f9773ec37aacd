//! Embeds the files that GraphiQL is made of, where npm can bring them.
//!
//! The program builds without npm and without a network too: its page then loads the same files from a CDN.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long npm may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// One file of an npm package.
struct Asset {
    package: &'static str,
    version: &'static str,
    path: &'static str,
    integrity: &'static str,
}

/// In the order in which the page loads them; the versions are those of `graphiql/package.json`.
const ASSETS: [Asset; 5] = [
    Asset {
        package: "graphiql",
        version: "4.1.2",
        path: "graphiql.min.css",
        integrity: "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    },
    Asset {
        package: "react",
        version: "18.3.1",
        path: "umd/react.production.min.js",
        integrity: "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    },
    Asset {
        package: "react-dom",
        version: "18.3.1",
        path: "umd/react-dom.production.min.js",
        integrity: "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    },
    Asset {
        package: "graphiql",
        version: "4.1.2",
        path: "graphiql.min.js",
        integrity: "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    },
    Asset {
        package: "graphql-ws",
        version: "6.4.2",
        path: "umd/graphql-ws.min.js",
        integrity: "sha384-mxvR4Mzbsb6QVx/9xI2gtQikQA6m8zMDBFnu3l//4/ROsWt7y2sUGWd+/tYQqDm7",
    },
];

impl Asset {
    /// The version is part of the name, so that browsers may keep the file for ever.
    fn file(&self) -> String {
        let extension = self.path.rsplit('.').next().unwrap_or_default();
        format!("{}-{}.{extension}", self.package, self.version)
    }

    fn address(&self) -> String {
        let Self { package, version, path, .. } = self;
        format!("https://cdn.jsdelivr.net/npm/{package}@{version}/{path}")
    }
}

fn main() -> io::Result<()> {
    for source in ["build.rs", "graphiql/package.json", "graphiql/package-lock.json"] {
        println!("cargo:rerun-if-changed={source}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let embedded = match embed(&out) {
        Ok(()) => true,
        Err(error) => {
            println!("cargo:warning=GraphiQL is not embedded, its page will load it from a CDN: {error}");
            println!("cargo:warning=Touch build.rs to try again.");
            false
        }
    };
    fs::write(out.join("graphiql_assets.rs"), table(embedded))
}

/// Puts the assets into `out/graphiql`, unless they are there already.
fn embed(out: &Path) -> io::Result<()> {
    let (workshop, shelf) = (out.join("npm"), out.join("graphiql"));
    let lock = Path::new("graphiql/package-lock.json");
    let stamp = shelf.join("package-lock.json");
    if fs::read(&stamp).is_ok_and(|done| fs::read(lock).is_ok_and(|wanted| done == wanted))
        && ASSETS.iter().all(|asset| shelf.join(asset.file()).exists())
    {
        return Ok(());
    }
    for folder in [&workshop, &shelf] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    fs::copy("graphiql/package.json", workshop.join("package.json"))?;
    fs::copy(lock, workshop.join("package-lock.json"))?;
    install(&workshop)?;
    for asset in &ASSETS {
        let source = workshop.join("node_modules").join(asset.package).join(asset.path);
        fs::copy(source, shelf.join(asset.file()))?;
    }
    fs::remove_dir_all(workshop)?;
    fs::copy(lock, stamp)?;
    Ok(())
}

/// Runs npm in a folder, and ends it when it takes too long.
fn install(folder: &Path) -> io::Result<()> {
    let mut npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"])
        // Its default is to try for more than a minute where there is no network.
        .arg("--fetch-retries=1")
        .current_dir(folder)
        .stdin(Stdio::null())
        // What a build script prints is read by cargo.
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| io::Error::other(format!("npm cannot be run ({error})")))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match npm.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(format!("npm ci failed ({status})"))),
            None if Instant::now() >= deadline => {
                npm.kill()?;
                npm.wait()?;
                return Err(io::Error::other("npm ci took too long"));
            }
            None => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The table that `src/api/graphiql.rs` includes.
fn table(embedded: bool) -> String {
    let mut rust = format!("const ASSETS: [Asset; {}] = [\n", ASSETS.len());
    for asset in &ASSETS {
        let (file, address, integrity) = (asset.file(), asset.address(), asset.integrity);
        let content = if embedded { format!("Some(include_bytes!(\"graphiql/{file}\"))") } else { "None".to_owned() };
        writeln!(
            rust,
            "    Asset {{ file: {file:?}, address: {address:?}, integrity: {integrity:?}, content: {content} }},"
        )
        .expect("a string can be written to");
    }
    rust + "];\n"
}
