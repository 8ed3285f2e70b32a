package form

// Rule codes of the errors of Parse: what is wrong with a form.
const (
	RuleJSON       = "json"       // the file is no JSON object
	RuleForm       = "form"       // a property is wrong
	RuleType       = "type"       // unknown component type; in a submission: value of the wrong type
	RuleID         = "id"         // the id of a component is not unique
	RuleKey        = "key"        // a key or path is missing, malformed or taken
	RuleExpression = "expression" // FEEL that does not compile, or could not be evaluated
	RuleOptions    = "options"    // options are missing or wrong
)

// Rule codes of the errors of Apply: what is wrong with a submission. A user interface
// translates by these; they are never renamed.
const (
	RuleUnknown   = "unknown"   // the form has no such field
	RuleHidden    = "hidden"    // the field is hidden at this step
	RuleReadOnly  = "readonly"  // the field may be read but not changed at this step
	RuleRequired  = "required"  // a value is missing
	RuleMin       = "min"       // number too small
	RuleMax       = "max"       // number too large
	RuleDigits    = "digits"    // too many digits after the point
	RuleStep      = "step"      // not a multiple of the increment
	RuleMinLength = "minLength" // text too short
	RuleMaxLength = "maxLength" // text too long
	RulePattern   = "pattern"   // text does not match; in Parse: the pattern is wrong
	RuleEmail     = "email"
	RulePhone     = "phone"
	RuleOption    = "option"   // not one of the choices
	RuleDuplicate = "unique"   // a choice twice
	RuleFormat    = "format"   // date or time not in ISO form, or without what the field asks for
	RuleInterval  = "interval" // time between the choices
	RulePast      = "past"     // date in the past
	RuleMinItems  = "minItems" // too few rows or choices
	RuleMaxItems  = "maxItems" // too many rows or choices
	RuleRows      = "rows"     // rows may not be added or removed at this step
)
