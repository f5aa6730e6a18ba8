// Checks a tlog-tiles log with none of our code: Go's golang.org/x/mod/sumdb packages, as Debian has them.
//
//	check verify DIR           the checkpoint's signature, every tile, every entry; prints size and root
//	check proofs DIR N M       inclusion proof of entry N and consistency proof from size M, one hash a line
//	check sign NAME            reads a text, prints a verifier key and then the text as a note signed by it
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// files reads tiles as tlog-tiles names them: those of Go's checksum database have the height in their path.
type files struct {
	dir string
	got map[tlog.Tile][]byte
}

func (f files) Height() int { return height }
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, known := f.got[t]
		if !known {
			var err error
			data, err = os.ReadFile(filepath.Join(f.dir, "tile", strings.TrimPrefix(t.Path(), "tile/8/")))
			if err != nil {
				return nil, err
			}
			f.got[t] = data
		}
		all = append(all, data)
	}
	return all, nil
}
func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func head(dir string) (tlog.Tree, error) {
	var tree tlog.Tree
	vkey, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(vkey), "\n"))
	if err != nil {
		return tree, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("malformed checkpoint")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func bundle(dir string, n, width int64) ([][]byte, error) {
	t := tlog.Tile{H: height, L: 0, N: n, W: int(width)}
	data, err := os.ReadFile(filepath.Join(dir, "tile", "entries", strings.TrimPrefix(t.Path(), "tile/8/0/")))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d ends inside an entry", n)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if int64(len(entries)) != width {
		return nil, fmt.Errorf("bundle %d has %d entries, not %d", n, len(entries), width)
	}
	return entries, nil
}

func verify(dir string) error {
	tree, err := head(dir)
	if err != nil {
		return err
	}
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		entries, err := bundle(dir, first>>height, width)
		if err != nil {
			return err
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		// A new map a bundle: the reader checks each tile up to the signed root again, and memory stays small.
		hashes, err := tlog.TileHashReader(tree, files{dir, map[tlog.Tile][]byte{}}).ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if hashes[i] != tlog.RecordHash(entry) {
				return fmt.Errorf("entry %d is not in the tree", first+int64(i))
			}
		}
	}
	if tree.N == 0 {
		if empty, _ := tlog.ParseHash("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="); tree.Hash != empty {
			return fmt.Errorf("the empty tree has another root")
		}
	}
	fmt.Printf("%d %s\n", tree.N, tree.Hash)
	return nil
}

func proofs(dir string, index, old int64) error {
	tree, err := head(dir)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, files{dir, map[tlog.Tile][]byte{}})
	inclusion, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(tree.N, old, reader)
	if err != nil {
		return err
	}
	for _, hash := range inclusion {
		fmt.Println(hash)
	}
	fmt.Println()
	for _, hash := range consistency {
		fmt.Println(hash)
	}
	return nil
}

func sign(name string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	// A fixed seed: a test's key, which signs nothing that anybody trusts.
	skey, vkey, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte("sluice"), 32)), name)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s", vkey, signed)
	return nil
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "verify":
		return verify(args[1])
	case len(args) == 4 && args[0] == "proofs":
		index, err1 := strconv.ParseInt(args[2], 10, 64)
		old, err2 := strconv.ParseInt(args[3], 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("not a number")
		}
		return proofs(args[1], index, old)
	case len(args) == 2 && args[0] == "sign":
		return sign(args[1])
	}
	return fmt.Errorf("usage: check verify DIR | proofs DIR INDEX OLD | sign NAME")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
