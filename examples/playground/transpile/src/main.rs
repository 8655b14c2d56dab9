//! Makes JavaScript of the component, and of that and the page one file that needs no server.
//!
//!     transpile auth-core.wasm PAGE-FOLDER OUTPUT-FOLDER
//!
//! Writes `js/auth-core.js` with its types, for a site's own modules, and `index.html` with every module inside.

use std::{env, fs, path::Path};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use js_component_bindgen::{TranspileOpts, transpile};

/// The page's modules, by the names under which they import each other.
const MODULES: [&str; 4] = ["values", "host", "replay", "page"];

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [component, page, output] = &words[..] else {
        bail!("usage: transpile COMPONENT PAGE-FOLDER OUTPUT-FOLDER");
    };
    let (page, output) = (Path::new(page), Path::new(output));
    let component = fs::read(component).with_context(|| format!("cannot read {component}"))?;
    let options = TranspileOpts::builder()
        .name("auth-core".to_owned())
        // The WebAssembly is inside.
        .base64_cutoff(usize::MAX)
        .nodejs_compat_disabled(true)
        .no_namespaced_exports(true)
        .build();
    let made = transpile(&component, options)?;
    for (name, octets) in &made.files {
        let path = output.join("js").join(name);
        fs::create_dir_all(path.parent().unwrap_or(output))?;
        fs::write(&path, octets).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let (_, core) =
        made.files.iter().find(|(name, _)| name == "auth-core.js").context("no auth-core.js was made")?;

    let mut modules = vec![("auth-core".to_owned(), STANDARD.encode(core))];
    for name in MODULES {
        let file = page.join(format!("{name}.js"));
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        modules.push((name.to_owned(), STANDARD.encode(text)));
    }
    let entries: Vec<String> = modules
        .iter()
        .map(|(name, text)| format!("\"{name}\": \"data:text/javascript;base64,{text}\""))
        .collect();
    let html = fs::read_to_string(page.join("index.html"))?;
    let style = fs::read_to_string(page.join("page.css"))?;
    let html = html.replace("<!-- style -->", &format!("<style>\n{style}</style>")).replace(
        "<!-- modules -->",
        &format!("<script type=\"importmap\">{{\"imports\": {{{}}}}}</script>", entries.join(", ")),
    );
    fs::write(output.join("index.html"), &html)?;
    println!(
        "{}: {} octets, {} of JavaScript with the core inside",
        output.join("index.html").display(),
        html.len(),
        core.len()
    );
    Ok(())
}
