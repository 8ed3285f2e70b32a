package form

import (
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// shape is what a type of component has beside what all have.
type shape struct {
	value      bool // it takes a value from the data
	container  bool
	searchable bool
	read       func(p *parser, o, properties *object, c *Component)
}

var shapes = map[Type]shape{
	Textfield:  {value: true, searchable: true},
	Textarea:   {value: true, searchable: true},
	Number:     {value: true, searchable: true, read: (*parser).number},
	Checkbox:   {value: true, searchable: true},
	Radio:      {value: true, searchable: true, read: (*parser).choice},
	Select:     {value: true, searchable: true, read: (*parser).choice},
	Checklist:  {value: true, searchable: true, read: (*parser).choices},
	Taglist:    {value: true, searchable: true, read: (*parser).choices},
	Datetime:   {value: true, searchable: true, read: (*parser).datetime},
	Filepicker: {value: true, read: (*parser).filepicker},
	Expression: {value: true, searchable: true, read: (*parser).expression},

	Group:       {container: true, read: (*parser).group},
	DynamicList: {value: true, container: true, read: (*parser).dynamicList},
	Multipage:   {container: true, read: (*parser).pages},
	Page:        {container: true, read: (*parser).pages},

	Table:           {read: (*parser).table},
	Text:            {read: shows("text")},
	HTML:            {read: shows("content")},
	Image:           {read: shows("source", "alt")},
	Spacer:          {read: shows("height")},
	Separator:       {},
	Button:          {read: (*parser).button},
	Iframe:          {read: shows("url", "height", "security")},
	DocumentPreview: {read: shows("title", "dataSource", "maxHeight", "endpointKey")},
}

func typeNames() string {
	var names []string
	for t := range maps.Keys(shapes) {
		names = append(names, string(t))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// shows is the reader of a component that only shows something: its expressions are
// checked, the rest is the screen's affair.
func shows(properties ...string) func(*parser, *object, *object, *Component) {
	return func(p *parser, o, _ *object, _ *Component) {
		for _, key := range properties {
			if s, ok := o.get(key).(string); ok && strings.HasPrefix(s, "=") {
				p.compile(o.at(key), s)
			}
		}
	}
}

// valueProperties reads what every component with a value may have.
func (p *parser) valueProperties(o *object, c *Component) {
	o.text("description")
	c.ReadOnly = o.condition("readonly")
	if disabled := o.condition("disabled"); disabled.On || disabled.Expr != nil {
		if c.ReadOnly.Expr != nil && disabled.Expr != nil {
			p.problem(o.at("disabled"), RuleForm, "readonly and disabled are both conditions; join them into one with or")
		}
		c.ReadOnly = disabled
	}
	if v := o.child("validate"); v != nil {
		p.rules(v, c)
		v.strict()
	}
	if raw := o.get("defaultValue"); raw != nil {
		c.Default = p.defaultValue(o.at("defaultValue"), c, raw)
	}
}

// rules reads "validate"; which rules there are depends on the type.
func (p *parser) rules(v *object, c *Component) {
	c.Rules.Required = v.condition("required")
	switch c.Type {
	case Textfield:
		c.Rules.MinLength, c.Rules.MaxLength = v.limit("minLength"), v.limit("maxLength")
		c.Rules.Kind = v.oneOf("validationType", "email", "phone", "custom")
		c.Rules.Pattern = p.pattern(v, "pattern")
		v.skip("patternErrorMessage")
	case Textarea:
		c.Rules.MinLength, c.Rules.MaxLength = v.limit("minLength"), v.limit("maxLength")
	case Number:
		c.Rules.Min, c.Rules.Max = v.limit("min"), v.limit("max")
	}
}

// pattern compiles a regular expression. Go's run in time linear to the text times their
// compiled size, so that is what has to be bounded; look-around and back-references do
// not exist in them.
func (p *parser) pattern(v *object, key string) *regexp.Regexp {
	s := v.str(key)
	if s == "" {
		return nil
	}
	if len([]rune(s)) > MaxPattern {
		p.problem(v.at(key), RulePattern, "the pattern is longer than %d characters", MaxPattern)
		return nil
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		p.problem(v.at(key), RulePattern, "%v; write a pattern without look-around and back-references", err)
		return nil
	}
	program, err := syntax.Compile(tree.Simplify())
	if err == nil {
		p.patterns += len(program.Inst)
	}
	if err != nil || len(program.Inst) > maxPatternSize || p.patterns > maxPatternSizes {
		p.problem(v.at(key), RulePattern, "the pattern, or all patterns of the form together, are too large; use smaller numbers in {}")
		return nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		p.problem(v.at(key), RulePattern, "%v", err)
	}
	return re
}

// Compiled sizes, in instructions: of one pattern, and of all in a form.
const (
	maxPatternSize  = 2500
	maxPatternSizes = 50_000
)

func (p *parser) number(o, _ *object, c *Component) {
	if o.get("decimalDigits") != nil {
		c.Rules.Digits = o.count("decimalDigits", 30)
	}
	if c.Rules.Step = o.limit("increment"); c.Rules.Step.set() {
		c.Rules.remainder = p.compile(o.at("increment"), "modulo(n, step)")
	}
	c.AsString = o.boolean("serializeToString")
}

func (p *parser) choices(o, properties *object, c *Component) {
	c.Rules.MinItems = properties.count("minItems", MaxOptions)
	c.Rules.MaxItems = properties.count("maxItems", MaxOptions)
	p.choice(o, properties, c)
}

// choice reads where the options come from: exactly one of four places.
func (p *parser) choice(o, properties *object, c *Component) {
	o.skip("searchable")
	c.Options = &Options{Key: o.str("valuesKey"), Records: p.recordSource(properties)}
	sources := 0
	if c.Options.Records != nil {
		sources++
		if list, _ := o.m["values"].([]any); len(list) == 0 {
			delete(o.m, "values") // drawing tools write an empty list where there is none
		}
	}
	if c.Options.Key != "" {
		sources++
		if !pathPattern.MatchString(c.Options.Key) {
			p.problem(o.at("valuesKey"), RuleKey, "%q is no path of a variable", c.Options.Key)
		}
	}
	if src := o.str("valuesExpression"); src != "" {
		sources++
		c.Options.Expr = p.compile(o.at("valuesExpression"), src)
	}
	if o.m["values"] != nil {
		sources++
		p.staticOptions(o, c)
	}
	if sources != 1 {
		p.problem(o.place, RuleOptions, "the %s needs its options from exactly one of values, valuesKey, valuesExpression and the property records; it names %d", c.Type, sources)
	}
}

func (p *parser) staticOptions(o *object, c *Component) {
	list := o.objects("values")
	if len(list) > MaxOptions {
		p.problem(o.at("values"), RuleOptions, "there are more than %d options", MaxOptions)
		return
	}
	known := map[string]bool{}
	for _, v := range list {
		value := feel.From(v.get("value"))
		option := Option{Label: v.text("label"), Value: value}
		key, ok := optionKey(value)
		switch {
		case !ok:
			p.problem(v.at("value"), RuleOptions, "an option's value is a string, a number or a boolean")
		case known[key]:
			p.problem(v.at("value"), RuleOptions, "the value %s is there twice", key)
		}
		known[key] = true
		c.Options.Values = append(c.Options.Values, option)
	}
	c.Options.known = known
}

func (p *parser) datetime(o, _ *object, c *Component) {
	c.Subtype = o.oneOf("subtype", "date", "time", "datetime")
	if c.Subtype == "" {
		c.Subtype = "date"
	}
	if label := o.text("dateLabel"); c.Label == "" && label != "" {
		c.Label = label
	}
	if label := o.text("timeLabel"); c.Label == "" {
		c.Label = label
	}
	c.TimeFormat = o.oneOf("timeSerializingFormat", "utc_offset", "utc_normalized", "no_timezone")
	if c.Subtype != "date" && c.TimeFormat == "" {
		c.TimeFormat = "utc_offset"
	}
	c.Rules.Interval = o.count("timeInterval", 60)
	c.Rules.NoPast = o.boolean("disallowPassedDates")
	o.skip("use24h")
}

func (p *parser) filepicker(o, properties *object, c *Component) {
	c.Multiple = o.condition("multiple").On
	c.Rules.MaxItems = properties.count("maxItems", 100)
	o.skip("accept")
}

// expression reads a computed field: nobody writes it, the server works it out.
func (p *parser) expression(o, _ *object, c *Component) {
	src := o.str("expression")
	if src == "" {
		p.problem(o.at("expression"), RuleExpression, "the expression field has no expression")
		return
	}
	c.Compute = p.compile(o.at("expression"), src)
	o.oneOf("computeOn", "change", "presubmit", "load")
}

// group reads a container that may put its children into an object of their own.
func (p *parser) group(o, _ *object, c *Component) {
	o.skip("showOutline", "verticalAlignment")
	own := o.str("path")
	if own == "" {
		return
	}
	if !pathPattern.MatchString(own) {
		p.problem(o.at("path"), RuleKey, "%q is no name: letters, digits and _, parts joined by dots", own)
		return
	}
	c.keys = strings.Split(own, ".")
}

func (p *parser) dynamicList(o, properties *object, c *Component) {
	o.skip("isRepeating", "showOutline", "verticalAlignment", "disableCollapse", "nonCollapsedItems")
	c.StartRows = 1
	if o.get("defaultRepetitions") != nil {
		c.StartRows = o.count("defaultRepetitions", MaxRows)
	}
	if o.m["allowAddRemove"] != nil {
		c.FixedRows = !o.boolean("allowAddRemove")
	}
	o.skip("allowAddRemove")
	c.Rules.MinRows = properties.count("minItems", MaxRows)
	c.Rules.MaxRows = properties.count("maxItems", MaxRows)
}

func (p *parser) pages(o, _ *object, c *Component) {
	o.skip("showSubmit", "disableInvalidNavigation", "verticalAlignment")
	for _, key := range []string{"nextLabel", "backLabel", "submitLabel"} {
		o.text(key)
	}
}

func (p *parser) table(o, _ *object, c *Component) {
	o.text("dataSource")
	o.text("columnsExpression")
	for _, column := range o.objects("columns") {
		column.text("label")
	}
	o.skip("rowCount")
}

func (p *parser) button(o, _ *object, c *Component) {
	o.oneOf("action", "submit", "reset")
}
