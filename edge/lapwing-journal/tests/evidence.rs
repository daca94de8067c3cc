//! The tree against published vectors and another implementation; notes; both verifiers on the same journals.

// The ban list is for core/: these tests have files and processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used)]

use lapwing_journal::evidence::Hash;
use lapwing_journal::evidence::checkpoint::Checkpoint;
use lapwing_journal::evidence::key;
use lapwing_journal::evidence::note::{Note, Signer, Verifier, sign};
use lapwing_journal::evidence::tree::{
    Frontier, hash_leaf, is_consistent, prove_consistency, prove_inclusion, prove_range, root, root_of_inclusion,
    root_of_range,
};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| hash_leaf(&i.to_be_bytes())).collect()
}

/// A fresh directory of this test.
fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lapwing-evidence-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// certificate-transparency, `merkletree/merkle_tree_test.cc` and `tree_hasher_test.cc`: eight leaves and their roots.
#[test]
fn the_roots_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Frontier::default();
    assert_eq!(hex(&tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (input, root) in inputs.iter().zip(roots) {
        tree.push(hash_leaf(input));
        assert_eq!(hex(&tree.root()), root);
        assert_eq!(Frontier::resume(tree.size(), tree.peaks().to_vec()), Some(tree.clone()));
    }
}

#[test]
fn roots_and_proofs_agree_with_ct_merkle() {
    let mut oracle = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2_for_oracle::Sha256, Vec<u8>>::new();
    let mut hashes = Vec::new();
    for n in 0u64..40 {
        oracle.push(n.to_be_bytes().to_vec());
        hashes.push(hash_leaf(&n.to_be_bytes()));
        assert_eq!(root(&hashes)[..], oracle.root().as_bytes()[..], "{n}");
        for i in 0..=n {
            let proof = prove_inclusion(&hashes, i as usize);
            assert_eq!(proof.concat(), oracle.prove_inclusion(i as usize).as_bytes(), "leaf {i} of {n}");
        }
        for old in 1..=n {
            let proof = prove_consistency(&hashes, old as usize);
            let additions = (n + 1 - old) as usize;
            assert_eq!(proof.concat(), oracle.prove_consistency(additions).as_bytes(), "{old} of {n}");
        }
    }
}

#[test]
fn every_proof_of_small_trees_verifies_and_no_other() {
    for n in 1..=20usize {
        let all = leaves(n as u64);
        let whole = root(&all);
        for first in 0..n {
            let proof = prove_inclusion(&all, first);
            assert_eq!(root_of_inclusion(n as u64, first as u64, all[first], &proof), Some(whole));
            let wrong = root_of_inclusion(n as u64, first as u64, hash_leaf(b"another"), &proof);
            assert_ne!(wrong, Some(whole));
            for end in first + 1..=n {
                let proof = prove_range(&all, first, end);
                let run = &all[first..end];
                assert_eq!(root_of_range(n as u64, first as u64, run, &proof), Some(whole), "{first}..{end} of {n}");
                if end - first < n {
                    let moved = (first as u64 + 1) % (n - (end - first) + 1) as u64;
                    assert_ne!(root_of_range(n as u64, moved, run, &proof), Some(whole));
                }
            }
        }
        for old in 1..=n {
            let proof = prove_consistency(&all, old);
            let old_root = root(&all[..old]);
            assert!(is_consistent(old as u64, &old_root, n as u64, &whole, &proof));
            assert!(!is_consistent(old as u64, &hash_leaf(b"fork"), n as u64, &whole, &proof));
        }
    }
}

/// The example of golang.org/x/mod/sumdb/note, which C2SP signed-note points to.
#[test]
fn a_note_of_another_implementation_verifies() {
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = format!("{text}\n{line}");
    let note = Note::parse(note.as_bytes()).unwrap();
    let key = Verifier::parse(key).unwrap();
    assert!(key.verifies(&note));
    assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
}

fn checkpoint() -> Checkpoint {
    let mut tree = Frontier::default();
    leaves(11).into_iter().for_each(|leaf| tree.push(leaf));
    Checkpoint {
        journal: "0123456789abcdef0123456789abcdef".to_owned(),
        tree,
        segment: 3,
        first: 70,
        previous: Some((2, 9, hash_leaf(b"previous"))),
        after: 5,
        time: 1_700_000_000_000_000_000,
        is_closed: false,
    }
}

#[test]
fn a_checkpoint_reads_back_and_no_bit_of_it_can_change() {
    let signer = Signer::new("test", &[1; 32]).unwrap();
    let note = sign(&checkpoint().text(), &signer);
    let good = |bytes: &[u8]| {
        let note = Note::parse(bytes).ok()?;
        let checkpoint = Checkpoint::parse(note.text)?;
        signer.verifier().verifies(&note).then_some(checkpoint)
    };
    assert_eq!(good(note.as_bytes()), Some(checkpoint()));
    let mut bytes = note.into_bytes();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(good(&bytes), None, "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_witness_cosigns() {
    let (log, witness) = (Signer::new("log", &[1; 32]).unwrap(), Signer::new("witness", &[2; 32]).unwrap());
    let text = checkpoint().text();
    let note = format!("{}{}", sign(&text, &log), witness.cosign(&text, 1_700_000_000));
    let note = Note::parse(note.as_bytes()).unwrap();
    assert!(log.verifier().verifies(&note));
    assert!(witness.witness().verifies(&note));
    assert!(!witness.verifier().verifies(&note), "a cosignature is no signature of a log");
    assert_eq!(Verifier::parse(&witness.witness().to_string()).unwrap(), witness.witness());
}

#[test]
fn hostile_notes_are_refused() {
    for text in [
        "",
        "\n\n",
        "a\n\n",
        "a\n\n\u{2014} x",
        "a\n\n\u{2014} x AAAA\n",
        "a\r\n\n\u{2014} x AAAAAAAA\n",
        "a\n\u{2014} x AAAAAAAA\n",
    ] {
        assert!(Note::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    for text in [
        "",
        "a+b",
        "a+00000000+AQ==",
        "a b+00000000+AAAA",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(Verifier::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_key_is_made_once_and_refused_when_others_may_read_it() {
    let directory = directory("key");
    let made = key::open(&directory).unwrap().verifier();
    assert_eq!(key::open(&directory).unwrap().verifier(), made);
    assert_eq!(key::verifiers(&directory).unwrap(), vec![made.clone()]);
    let secret = directory.join("key/signing.key");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&secret), mode(&directory.join("key"))), (0o600, 0o700));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = key::open(&directory).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("chmod"), "{error}");
    std::fs::remove_dir_all(directory).unwrap();
}
