use super::*;

fn certificate(n: u8) -> String {
    write("CERTIFICATE", &[n; 100])
}

fn key(n: u8) -> String {
    write("PRIVATE KEY", &[n; 100])
}

fn ders(text: &str) -> Result<Vec<u8>, PemError> {
    blocks(text.as_bytes()).map(|blocks| blocks.iter().map(|block| block.der()[0]).collect())
}

#[test]
fn as_many_blocks_as_begin_are_read_whatever_is_between() {
    let (one, two) = (certificate(1), certificate(2));
    for between in [
        "\n",
        "",
        ",",
        " ",
        "\t",
        "\u{feff}",
        "\"",
        "\\n",
        "\r\n",
        "\n\n# the second: begin here\n",
        "\nsubject=CN = a\n",
        "\n--- Begin of the second ---\n",
        "\nre-BEGINNING\n",
    ] {
        assert_eq!(ders(&format!("{}{between}{two}", one.trim_end())), Ok(vec![1, 2]), "{between:?}");
    }
    assert_eq!(ders(""), Ok(vec![]));
    assert_eq!(ders("nothing of that kind"), Ok(vec![]));
    // A comment in another encoding.
    let latin = [b"# Z\xfcrich\n", one.as_bytes()].concat();
    assert_eq!(blocks(&latin).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_read_is_named_by_its_number() {
    let (one, two) = (certificate(1), certificate(2));
    for (second, expected) in [
        (two.replace("-----BEGIN ", "----BEGIN "), PemError::Beginning(2)),
        (two.replace("-----BEGIN ", "----- BEGIN "), PemError::Beginning(2)),
        (two.replace("-----BEGIN ", "\u{2014}BEGIN "), PemError::Beginning(2)),
        (two.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE"), PemError::Beginning(2)),
        (two.replace("-----BEGIN CERTIFICATE-----\n", ""), PemError::Beginning(2)),
        (two.replace("-----BEGIN CERTIFICATE-----", "-----Begin Certificate-----"), PemError::Beginning(2)),
        (two.replace("-----END CERTIFICATE-----\n", ""), PemError::NoEnd(2)),
        (two.replace("-----END CERTIFICATE-----\n", &certificate(3)), PemError::NoEnd(2)),
        (two.replace("END CERTIFICATE", "END CERT"), PemError::NoEnd(2)),
        (two.replace("\nAg", "\n*g"), PemError::Broken(2)),
        (two.replace("\nAg", "\nä"), PemError::Broken(2)),
    ] {
        assert_eq!(ders(&format!("{one}{second}")), Err(expected), "{second}");
    }
    // Both lines damaged in the same way.
    for (dashes, word) in [
        ("-----\t", " "),
        ("-----  ", " "),
        ("-----\u{a0}", " "),
        ("-----\n", " "),
        ("-----\0", " "),
        ("-----\u{fffd}", " "),
        ("-----", "\n"),
        ("----- ", "\n"),
        ("-----", "\t"),
        ("-----", "\u{a0}"),
        ("-----", ""),
        ("\u{ff0d}\u{ff0d}\u{ff0d}\u{ff0d}\u{ff0d}", " "),
    ] {
        let damaged = |line: &str, word_of_line: &str| {
            line.replace(&format!("-----{word_of_line} "), &format!("{dashes}{word_of_line}{word}"))
        };
        let second = damaged(&damaged(&two, "BEGIN"), "END");
        assert_eq!(ders(&format!("{one}{second}")), Err(PemError::Beginning(2)), "{second:?}");
        if !word.is_empty() {
            let end = damaged(&two, "END").replace("-----BEGIN CERTIFICATE-----\n", "");
            assert_eq!(ders(&format!("{one}{end}")), Err(PemError::Beginning(2)), "{end:?}");
        }
    }
    // A blank of Latin-1.
    let second =
        two.replace("----- ", "-----").replace("-----BEGIN ", "-----*BEGIN ").replace("-----END ", "-----*END ");
    let latin: Vec<u8> = format!("{one}{second}").bytes().map(|byte| if byte == b'*' { 0xa0 } else { byte }).collect();
    assert_eq!(blocks(&latin).unwrap_err(), PemError::Beginning(2));
    assert_eq!(blocks(&[0x30, 0x82, 1, 1]).unwrap_err(), PemError::Der);
    let wide: Vec<u8> = [0xfeff].into_iter().chain(one.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(blocks(&wide).unwrap_err(), PemError::Utf16);
}

#[test]
fn characters_that_show_nothing_are_passed_over() {
    let (one, two) = (certificate(1), certificate(2));
    for letter in ["\u{ad}", "\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}"] {
        for (from, to) in
            [("-----BEGIN", "-----*BEGIN"), ("BEGIN ", "BE*GIN* "), ("-----", "--*---"), ("END", "*END"), ("Ag", "A*g")]
        {
            let second = two.replace(from, &to.replace('*', letter));
            assert_eq!(ders(&format!("{one}{second}")), Ok(vec![1, 2]), "{second:?}");
        }
    }
}

#[test]
fn certificates_are_what_they_have_to_be() {
    let (one, two, private) = (certificate(1), certificate(2), key(3));
    let parameters = write("EC PARAMETERS", &[6]);
    let both =
        |bytes: String| (chain(bytes.as_bytes()).map(|all| all.len()), bundle(bytes.as_bytes()).map(|all| all.len()));
    assert_eq!(both(format!("{one}{two}")), (Ok(2), Ok(2)));
    assert_eq!(both(one.replace("CERTIFICATE", "X509 CERTIFICATE")), (Ok(1), Ok(1)));
    // A key beside a chain is common; beside CAs it is a mistake that should be noticed.
    let kind = |number, found| PemError::Kind { number, found, wanted: "a certificate" };
    assert_eq!(both(format!("{one}{two}{private}")), (Ok(2), Err(kind(3, Label::Pkcs8))));
    assert_eq!(both(format!("{parameters}{private}{one}")), (Ok(1), Err(kind(1, Label::Parameters))));
    let lacks = Err(PemError::Lacks { wanted: "certificate", found: Label::Pkcs8 });
    assert_eq!(both(private.clone()), (lacks, Err(kind(1, Label::Pkcs8))));
    assert_eq!(both(String::new()), (Err(PemError::NoPem("certificate")), Err(PemError::NoPem("certificate"))));
    for label in ["PUBLIC KEY", "TRUSTED CERTIFICATE", "X509 CRL", "PKCS7", "CERTIFICATE REQUEST", "NONSENSE"] {
        let found = Label::of(label);
        assert_eq!(both(format!("{one}{}", write(label, &[9]))), (Err(kind(2, found)), Err(kind(2, found))), "{label}");
    }
}

#[test]
fn a_private_key_is_one_and_is_not_encrypted() {
    let of = |text: &str| private_key(text.as_bytes()).map(|key| key.secret_der()[0]);
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        assert_eq!(of(&write(label, &[7; 50])), Ok(7), "{label}");
    }
    assert_eq!(of(&format!("{}{}{}", write("EC PARAMETERS", &[6]), key(3), certificate(1))), Ok(3));
    assert_eq!(of(&format!("\u{feff}\"{}\"", key(3).replace('\n', "\\n"))), Ok(3));
    assert_eq!(of(&format!("{}{}", key(3), key(4))), Err(PemError::Keys(2)));
    assert_eq!(of(&write("ENCRYPTED PRIVATE KEY", &[1])), Err(PemError::Encrypted(1)));
    let old = key(1).replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n");
    let old = old.replacen(
        "-----END PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
        "-----END PRIVATE KEY-----\n",
        1,
    );
    assert_eq!(of(&old), Err(PemError::Encrypted(1)));
    assert_eq!(of(&certificate(1)), Err(PemError::Lacks { wanted: "private key", found: Label::Certificate }));
    let kind = |found| Err(PemError::Kind { number: 1, found, wanted: "a private key" });
    assert_eq!(of(&write("PUBLIC KEY", &[1])), kind(Label::PublicKey));
    assert_eq!(of(&write("OPENSSH PRIVATE KEY", &[1])), kind(Label::of("OPENSSH PRIVATE KEY")));
    assert_eq!(of(""), Err(PemError::NoPem("private key")));
}

#[test]
fn what_is_wrong_is_said_without_what_is_written() {
    for (text, says) in [
        ("", "holds no private key in PEM"),
        ("hush hush", "holds no private key in PEM"),
        ("----BEGIN hush-----", "block 1 does not begin"),
        ("-----BEGIN HUSH-----\nAA==\n-----END HUSH-----", "PEM of an unknown kind, and not a private key"),
    ] {
        let said = private_key(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(says) && !said.to_lowercase().contains("hush"), "{text}: {said}");
    }
    let block = &blocks(key(1).as_bytes()).unwrap()[0];
    assert_eq!(format!("{block:?}"), "Block { number: 1, label: Pkcs8, .. }");
}

#[test]
fn what_is_written_is_what_others_read() {
    use rustls::pki_types::pem::PemObject as _;
    let ours = [CertificateDer::from(vec![1; 100]), CertificateDer::from(vec![2; 47])];
    let theirs: Vec<_> =
        CertificateDer::pem_slice_iter(write_certificates(&ours).as_bytes()).collect::<Result<_, _>>().unwrap();
    assert_eq!(theirs, ours);
    let ours = PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(vec![3; 99]));
    assert_eq!(PrivateKeyDer::from_pem_slice(write_key(&ours).expose_secret().as_bytes()).unwrap(), ours);
}
