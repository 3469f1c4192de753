//! Options for other languages, in every file of the API.

use crate::support::api::POOL;
use heck::ToUpperCamelCase as _;
use prost_types::FileOptions;

/// `buf lint` checks that the files of a package agree in the others.
#[test]
fn the_class_of_a_file_has_the_name_of_no_message() {
    let mut seen = 0;
    for file in POOL.files().filter(|file| file.package_name().starts_with("gridgate.")) {
        let stem = file.name().rsplit('/').next().unwrap().strip_suffix(".proto").unwrap();
        let FileOptions { java_outer_classname, java_package, go_package, .. } =
            file.file_descriptor_proto().options.clone().unwrap();
        let class = java_outer_classname.unwrap();
        assert_eq!(class, format!("{}Proto", stem.to_upper_camel_case()), "{}", file.name());
        assert!(POOL.all_messages().all(|message| message.name() != class), "{class}");
        let package = file.package_name();
        assert_eq!(java_package.unwrap(), format!("io.{package}"), "{}", file.name());
        let path = package.replace('.', "/");
        assert_eq!(go_package.unwrap().split(';').next(), Some(path.as_str()), "{}", file.name());
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}
