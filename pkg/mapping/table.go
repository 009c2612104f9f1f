package mapping

import "hash/maphash"

// tuples gives label tuples dense numbers: a hash table that keeps the strings it is
// given and allocates nothing per lookup. Each tuple has an owner beside its labels
// (the entity that an item belongs to; 0 for entities themselves). Not for concurrent
// writing; concurrent find is fine.
type tuples struct {
	seed   maphash.Seed
	width  int
	heads  map[uint64]int32 // first tuple of a hash, chained by next
	next   []int32
	owners []int32
	values []string // width per tuple
}

func newTuples(width, room int) *tuples {
	return &tuples{
		seed: maphash.MakeSeed(), width: width, heads: make(map[uint64]int32, room),
		next: make([]int32, 0, room), owners: make([]int32, 0, room), values: make([]string, 0, room*width),
	}
}

func (t *tuples) len() int { return len(t.next) }

// labels returns the labels of tuple i; not to be changed.
func (t *tuples) labels(i int32) []string {
	return t.values[int(i)*t.width : (int(i)+1)*t.width : (int(i)+1)*t.width]
}

func (t *tuples) hash(owner int32, labels []string) uint64 {
	h := uint64(uint32(owner)) * 0x9E3779B97F4A7C15
	for _, l := range labels {
		// Multiplying between labels tells ("a", "") from ("", "a").
		h = (h ^ maphash.String(t.seed, l)) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h
}

// find returns the tuple's number, or -1.
func (t *tuples) find(owner int32, labels []string) int32 {
	i, ok := t.heads[t.hash(owner, labels)]
	if !ok {
		return -1
	}
	return t.walk(i, owner, labels)
}

func (t *tuples) walk(i, owner int32, labels []string) int32 {
	for ; i >= 0; i = t.next[i] {
		if t.owners[i] == owner && equalLabels(t.labels(i), labels) {
			return i
		}
	}
	return -1
}

// add returns the tuple's number, giving it the next one if it is new.
func (t *tuples) add(owner int32, labels []string) (int32, bool) {
	h := t.hash(owner, labels)
	head, ok := t.heads[h]
	if !ok {
		head = -1
	} else if i := t.walk(head, owner, labels); i >= 0 {
		return i, false
	}
	i := int32(len(t.next))
	t.heads[h] = i
	t.next = append(t.next, head)
	t.owners = append(t.owners, owner)
	t.values = append(t.values, labels...)
	return i, true
}

func equalLabels(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
