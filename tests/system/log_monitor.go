// Reads a log as existing monitors do, with the code of Go's checksum database (golang.org/x/mod/sumdb): opens the
// checkpoint, reads every entry, and proves each of them and every earlier size from the tiles.
//
//	log_monitor URL VERIFIER-KEY
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fetch(url string) []byte {
	answer, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s %v %s", url, answer.Status, err, body)
	}
	return body
}

// Tiles over HTTP. x/mod names them with their height, C2SP without.
type tiles struct{ base string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		out = append(out, fetch(t.base+"/tile/"+strings.TrimPrefix(tile.Path(), "tile/8/")))
	}
	return out, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func head(base, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := note.Open(fetch(base+"/checkpoint"), note.VerifierList(verifier))
	if err != nil {
		log.Fatal(err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not the checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		log.Fatalf("root %q: %v", lines[2], err)
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func entries(base string, size int64) [][]byte {
	var out [][]byte
	for index := int64(0); index*256 < size; index++ {
		width := int64(256)
		if size-index*256 < width {
			width = size - index*256
		}
		tile := tlog.Tile{H: 8, L: -1, N: index, W: int(width)}
		path := strings.TrimPrefix(tile.Path(), "tile/8/data/")
		bundle := fetch(base + "/tile/entries/" + path)
		for len(bundle) >= 2 {
			length := int(bundle[0])<<8 | int(bundle[1])
			out = append(out, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return out
}

func main() {
	base := os.Args[1] + "/log"
	tree := head(base, os.Args[2])
	reader := tlog.TileHashReader(tree, tiles{base})
	all := entries(base, tree.N)
	if int64(len(all)) != tree.N {
		log.Fatalf("%d entries for a tree of %d", len(all), tree.N)
	}
	for i, entry := range all {
		proof, err := tlog.ProveRecord(tree.N, int64(i), reader)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), tlog.RecordHash(entry))
		}
		if err != nil {
			log.Fatalf("entry %d: %v", i, err)
		}
	}
	for size := int64(1); size <= tree.N; size++ {
		old, err := tlog.TreeHash(size, reader)
		if err != nil {
			log.Fatalf("root of %d: %v", size, err)
		}
		proof, err := tlog.ProveTree(tree.N, size, reader)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, size, old)
		}
		if err != nil {
			log.Fatalf("from %d: %v", size, err)
		}
	}
	fmt.Printf("%d entries, all proven\n", tree.N)
}
