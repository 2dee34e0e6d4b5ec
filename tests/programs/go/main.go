// Works Go's standard library and the file system, and prints what must come out on every machine: workout DIR
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "workout:", err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// tree writes many small files, walks them, and removes them.
func tree(top string) {
	const count = 2000
	for n := range count {
		folder := filepath.Join(top, "tree", fmt.Sprint(n%10), fmt.Sprint(n/10%10))
		check(os.MkdirAll(folder, 0o755))
		check(os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%04d", n)), []byte(strings.Repeat("line\n", n%7)), 0o644))
	}
	files, size, hash := 0, int64(0), sha256.New()
	check(filepath.WalkDir(filepath.Join(top, "tree"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		size += must(entry.Info()).Size()
		_, err = hash.Write(must(os.ReadFile(path)))
		return err
	}))
	check(os.RemoveAll(filepath.Join(top, "tree")))
	_, err := os.Stat(filepath.Join(top, "tree"))
	fmt.Printf("tree: %d files, %d bytes, %x, gone: %v\n", files, size, hash.Sum(nil)[:6], errors.Is(err, fs.ErrNotExist))
}

// files tries offsets, truncation, renames, times and errors.
func files(top string) {
	path := filepath.Join(top, "file")
	file := must(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644))
	must(file.WriteAt([]byte("end"), 1<<20))
	must(file.WriteAt([]byte("0123456789"), 0))
	end := must(file.Seek(0, io.SeekEnd))
	check(file.Truncate(6))
	check(file.Close())
	appended := must(os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0))
	must(appended.WriteString("more"))
	check(appended.Close())
	check(os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1234567890, 5e8)))
	check(os.Rename(path, path+".new"))
	check(os.Symlink("file.new", path))
	attributes := must(os.Stat(path))
	fmt.Printf("files: %d, %q, %d bytes, %s, link to %s\n", end, must(os.ReadFile(path)), attributes.Size(),
		attributes.ModTime().UTC().Format(time.RFC3339Nano), must(os.Readlink(path)))
	_, missing := os.Open(filepath.Join(top, "missing"))
	fmt.Println("errors:", errors.Is(missing, fs.ErrNotExist), errors.Is(os.Mkdir(top, 0o755), fs.ErrExist), os.Remove(top) != nil)
	check(os.Remove(path))
	check(os.Remove(path + ".new"))
}

// documents goes through json, gzip and zip in files.
func documents(top string) {
	type row struct {
		ID   int
		Name string
	}
	rows := make([]row, 3000)
	for n := range rows {
		rows[n] = row{n, fmt.Sprintf("näme %d", n)}
	}
	path := filepath.Join(top, "rows.json.gz")
	file := must(os.Create(path))
	packed := gzip.NewWriter(file)
	check(json.NewEncoder(packed).Encode(rows))
	check(packed.Close())
	check(file.Close())
	file = must(os.Open(path))
	var back []row
	check(json.NewDecoder(must(gzip.NewReader(file))).Decode(&back))
	check(file.Close())
	check(os.Remove(path))

	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for n := range 100 {
		must(must(archive.Create(fmt.Sprint(n))).Write(bytes.Repeat([]byte{byte(n)}, n)))
	}
	check(archive.Close())
	members := must(zip.NewReader(bytes.NewReader(buffer.Bytes()), int64(buffer.Len()))).File
	fmt.Printf("documents: %d rows, last %q, %d members\n", len(back), back[len(back)-1].Name, len(members))
}

// computing runs goroutines over channels, and sorts.
func computing() {
	numbers, results := make(chan int), make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range numbers {
				results <- n * n % 1009
			}
		}()
	}
	go func() {
		for n := range 20000 {
			numbers <- n
		}
		close(numbers)
		workers.Wait()
		close(results)
	}()
	sum := 0
	for result := range results {
		sum += result
	}
	random := rand.New(rand.NewSource(42))
	values := random.Perm(200000)
	sort.Ints(values)
	started := time.Now()
	time.Sleep(10 * time.Millisecond)
	fmt.Printf("computing: %d, sorted: %v, slept: %v\n", sum, sort.IntsAreSorted(values), time.Since(started) >= 10*time.Millisecond)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s DIR\n", os.Args[0])
		os.Exit(2)
	}
	top := filepath.Join(os.Args[1], "workout")
	check(os.Mkdir(top, 0o755))
	tree(top)
	files(top)
	documents(top)
	computing()
	check(os.RemoveAll(top))
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "workout: done")
	check(out.Flush())
}
