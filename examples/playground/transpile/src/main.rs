//! Makes JavaScript of the component, and one file of that and the page that needs no server.
//!
//!     transpile auth-core.wasm EXAMPLES-FOLDER OUTPUT-FOLDER
//!
//! Writes `js/auth-core.js` with its types, for a site's own modules, and `index.html` with every module inside.

use std::{env, fs, path::Path};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use js_component_bindgen::{TranspileOpts, transpile};

/// The page's modules in the examples, by the names under which they import each other.
const MODULES: [(&str, &str); 4] =
    [("values", "node"), ("host", "node"), ("replay", "node"), ("page", "playground")];

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [component, examples, output] = &words[..] else {
        bail!("usage: transpile COMPONENT EXAMPLES-FOLDER OUTPUT-FOLDER");
    };
    let (examples, output) = (Path::new(examples), Path::new(output));
    let read = |path: &str| {
        let path = examples.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let component = fs::read(component).with_context(|| format!("cannot read {component}"))?;
    let options = TranspileOpts::builder()
        .name("auth-core".to_owned())
        // The WebAssembly is inside.
        .base64_cutoff(usize::MAX)
        .nodejs_compat_disabled(true)
        .no_namespaced_exports(true)
        .build();
    let made = transpile(&component, options)?;
    let modules = output.join("js");
    if modules.exists() {
        fs::remove_dir_all(&modules)?;
    }
    for (name, bytes) in &made.files {
        let path = modules.join(name);
        fs::create_dir_all(path.parent().unwrap_or(output))?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let (_, core) =
        made.files.iter().find(|(name, _)| name == "auth-core.js").context("no auth-core.js was made")?;

    let mut modules = vec![("auth-core".to_owned(), STANDARD.encode(core))];
    for (name, folder) in MODULES {
        // A module in a data: URL has no relative imports; the page's import map has the names.
        let text = read(&format!("{folder}/{name}.js"))?.replace("from \"./values.js\"", "from \"values\"");
        modules.push((name.to_owned(), STANDARD.encode(text)));
    }
    let entries: Vec<String> = modules
        .iter()
        .map(|(name, text)| format!("\"{name}\": \"data:text/javascript;base64,{text}\""))
        .collect();
    let html = read("playground/index.html")?;
    let style = read("playground/page.css")?;
    let html = html.replace("<!-- style -->", &format!("<style>\n{style}</style>")).replace(
        "<!-- modules -->",
        &format!("<script type=\"importmap\">{{\"imports\": {{{}}}}}</script>", entries.join(", ")),
    );
    fs::write(output.join("index.html"), &html)?;
    println!(
        "{}: {} bytes, {} of JavaScript with the core inside",
        output.join("index.html").display(),
        html.len(),
        core.len()
    );
    Ok(())
}
