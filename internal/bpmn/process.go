package bpmn

// processDetails reads the attributes of a process and its lanes.
func (p *parser) processDetails(process *Process, e *element) {
	process.Calendar = e.paceline("calendar")
	process.VersionTag = firstOf(e.paceline("version"), e.vendor("versionTag"))
	if z := e.extension("versionTag", nsZeebe); z != nil {
		process.VersionTag = z.attr("value")
	}
	process.Properties = properties(e)
	process.Data = p.dataObjects(e)
	p.noListeners(e)
	for _, name := range []string{"candidateStarterUsers", "candidateStarterGroups"} {
		process.CandidateStarters = append(process.CandidateStarters, splitNames(e.vendor(name))...)
	}
	process.CandidateStarters = append(process.CandidateStarters, splitNames(e.paceline("candidateStarters"))...)
	for _, set := range e.children("laneSet") {
		p.lanes(process, set, nil)
	}
}

// lanes reads a lane set and those inside its lanes; a node belongs to the innermost.
func (p *parser) lanes(process *Process, set *element, parent *Lane) {
	for _, e := range set.children("lane") {
		lane := &Lane{ID: e.attr("id"), Name: e.attr("name"), Parent: parent}
		process.Lanes = append(process.Lanes, lane)
		for _, r := range e.children("flowNodeRef") {
			n := p.nodes[ref(r.trimmed())]
			if n == nil {
				p.looser(r, "10.8", "name a node of the process", "the lane holds %q, which does not exist", r.trimmed())
				continue
			}
			n.Lane = lane
		}
		for _, inner := range e.children("childLaneSet") {
			p.lanes(process, inner, lane)
		}
	}
}

// looser reports what breaks the standard but changes nothing when the model runs: an
// error in an interchange file, a warning in one that is written for an engine.
func (p *parser) looser(at *element, rule, cure, format string, args ...any) {
	if p.lenient {
		p.warn(at, rule, cure, format, args...)
	} else {
		p.fail(at, rule, cure, format, args...)
	}
}
