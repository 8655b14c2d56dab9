//! The file `.env` in the root, which Compose reads by itself: gets the images' names, so
//! that docker-compose.yml works where no registry can be reached. Git ignores it. Lines that a person
//! wrote there, such as ports, stay.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

pub(super) fn write(root: &Path, images: &[(&str, String)]) -> Result<()> {
    let path = root.join(".env");
    let old = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    fs::write(&path, merged(&old, images)).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the other lines as they are, then the images.
fn merged(old: &str, images: &[(&str, String)]) -> String {
    let names_an_image = |line: &&str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        images.iter().any(|(variable, _)| *variable == name)
    };
    let kept = old.lines().filter(|line| !names_an_image(line)).map(|line| format!("{line}\n"));
    kept.chain(images.iter().map(|(variable, name)| format!("{variable}={name}\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_replaced_and_other_lines_stay() {
        let images =
            [("AUTH_TEST_MYSQL_IMAGE", "new:1".to_owned()), ("AUTH_TEST_REDIS_IMAGE", "r:2".to_owned())];
        let old = "# mine\nAUTH_PORT=8100\nAUTH_TEST_MYSQL_IMAGE=old:1\nAUTH_TEST_MYSQL_IMAGES=x";
        let new = merged(old, &images);
        assert_eq!(
            new,
            "# mine\nAUTH_PORT=8100\nAUTH_TEST_MYSQL_IMAGES=x\n\
             AUTH_TEST_MYSQL_IMAGE=new:1\nAUTH_TEST_REDIS_IMAGE=r:2\n"
        );
        assert_eq!(merged(&new, &images), new);
    }
}
