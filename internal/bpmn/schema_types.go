package bpmn

// schemaType is one type of the XML schema (BPMN 15.3): what it adds to its base. Attributes are written name:kind,
// those that must be there with a !; children in their order, with ? for at most one, * for any number and + for one
// or more.
type schemaType struct {
	base, attrs, kids string
	text              string // only text, of this kind
	free, mixed       bool
}

func (t schemaType) known() bool { return t != schemaType{} }

// schemaGroups are the children that may stand where a group is named.
var schemaGroups = map[string][]string{
	"flowElement": {
		"adHocSubProcess", "boundaryEvent", "businessRuleTask", "callActivity", "callChoreography", "choreographyTask", "complexGateway",
		"dataObject", "dataObjectReference", "dataStoreReference", "endEvent", "eventBasedGateway", "exclusiveGateway", "implicitThrowEvent",
		"inclusiveGateway", "intermediateCatchEvent", "intermediateThrowEvent", "manualTask", "parallelGateway", "receiveTask", "scriptTask",
		"sendTask", "sequenceFlow", "serviceTask", "startEvent", "subChoreography", "subProcess", "task", "transaction", "userTask",
	},
	"artifact":            {"association", "group", "textAnnotation"},
	"conversationNode":    {"callConversation", "conversation", "subConversation"},
	"loopCharacteristics": {"multiInstanceLoopCharacteristics", "standardLoopCharacteristics"},
	"resourceRole":        {"performer", "humanPerformer", "potentialOwner"},
	"expression":          {"formalExpression"},
	"eventDefinition":     eventDefinitions,
	"rootElement": append([]string{
		"category", "choreography", "collaboration", "correlationProperty", "dataStore", "endPoint", "error", "escalation", "globalBusinessRuleTask",
		"globalChoreographyTask", "globalConversation", "globalManualTask", "globalScriptTask", "globalTask", "globalUserTask", "interface",
		"itemDefinition", "message", "partnerEntity", "partnerRole", "process", "resource", "signal",
	}, eventDefinitions...),
}

var eventDefinitions = []string{
	"cancelEventDefinition", "compensateEventDefinition", "conditionalEventDefinition", "errorEventDefinition", "escalationEventDefinition",
	"linkEventDefinition", "messageEventDefinition", "signalEventDefinition", "terminateEventDefinition", "timerEventDefinition",
}

// schemaLocal are the children whose type has another name.
var schemaLocal = map[string]string{
	"activationCondition": "expression", "childLaneSet": "laneSet", "completionCondition": "expression", "condition": "expression",
	"conditionExpression": "expression", "dataPath": "formalExpression", "event": "implicitThrowEvent", "from": "expression",
	"inputDataItem": "dataInput", "loopCardinality": "expression", "loopCondition": "expression", "messagePath": "formalExpression",
	"outputDataItem": "dataOutput", "partitionElement": "baseElement", "timeCycle": "expression", "timeDate": "expression",
	"timeDuration": "expression", "to": "expression", "transformation": "formalExpression",

	"categoryValueRef": "QName", "choreographyRef": "QName", "correlationPropertyRef": "QName", "endPointRef": "QName", "errorRef": "QName",
	"eventDefinitionRef": "QName", "inMessageRef": "QName", "incoming": "QName", "innerParticipantRef": "QName", "interfaceRef": "QName",
	"loopDataInputRef": "QName", "loopDataOutputRef": "QName", "messageFlowRef": "QName", "operationRef": "QName", "outMessageRef": "QName",
	"outerParticipantRef": "QName", "outgoing": "QName", "participantRef": "QName", "resourceRef": "QName", "source": "QName",
	"supportedInterfaceRef": "QName", "supports": "QName", "target": "QName",

	"dataInputRefs": "IDREF", "dataOutputRefs": "IDREF", "flowNodeRef": "IDREF", "inputSetRefs": "IDREF", "optionalInputRefs": "IDREF",
	"optionalOutputRefs": "IDREF", "outputSetRefs": "IDREF", "sourceRef": "IDREF", "targetRef": "IDREF", "whileExecutingInputRefs": "IDREF",
	"whileExecutingOutputRefs": "IDREF",
}

var schemaTypes = map[string]schemaType{
	"definitions": {
		attrs: "id:name name targetNamespace! expressionLanguage typeLanguage exporter exporterVersion",
		kids:  "import* extension* rootElement* BPMNDiagram* relationship*",
	},
	"import":            {attrs: "namespace! location! importType!"},
	"extension":         {attrs: "definition:QName mustUnderstand:boolean", kids: "documentation*"},
	"documentation":     {attrs: "id:name textFormat", free: true},
	"extensionElements": {free: true},
	"script":            {free: true},
	"text":              {free: true},
	"QName":             {text: "QName"},
	"IDREF":             {text: "name"},

	"baseElement":      {attrs: "id:name", kids: "documentation* extensionElements?"},
	"rootElement":      {base: "baseElement"},
	"artifact":         {base: "baseElement"},
	"expression":       {base: "baseElement", mixed: true},
	"formalExpression": {base: "expression", attrs: "language evaluatesToTypeRef:QName"},
	"auditing":         {base: "baseElement"},
	"monitoring":       {base: "baseElement"},
	"rendering":        {base: "baseElement"},
	"relationship":     {base: "baseElement", attrs: "type! direction:|None|Forward|Backward|Both", kids: "source+ target+"},

	"flowElement": {base: "baseElement", attrs: "name", kids: "auditing? monitoring? categoryValueRef*"},
	"flowNode":    {base: "flowElement", kids: "incoming* outgoing*"},
	"sequenceFlow": {
		base: "flowElement", attrs: "sourceRef:name! targetRef:name! isImmediate:boolean", kids: "conditionExpression?",
	},

	"activity": {
		base:  "flowNode",
		attrs: "isForCompensation:boolean startQuantity:integer completionQuantity:integer default:name",
		kids:  "ioSpecification? property* dataInputAssociation* dataOutputAssociation* resourceRole* loopCharacteristics?",
	},
	"task":             {base: "activity"},
	"manualTask":       {base: "activity"},
	"userTask":         {base: "activity", attrs: "implementation", kids: "rendering*"},
	"serviceTask":      {base: "activity", attrs: "implementation operationRef:QName"},
	"sendTask":         {base: "activity", attrs: "implementation messageRef:QName operationRef:QName"},
	"receiveTask":      {base: "activity", attrs: "implementation instantiate:boolean messageRef:QName operationRef:QName"},
	"scriptTask":       {base: "activity", attrs: "scriptFormat", kids: "script?"},
	"businessRuleTask": {base: "activity", attrs: "implementation"},
	"callActivity":     {base: "activity", attrs: "calledElement:QName"},
	"subProcess":       {base: "activity", attrs: "triggeredByEvent:boolean", kids: "laneSet* flowElement* artifact*"},
	"transaction":      {base: "subProcess", attrs: "method"},
	"adHocSubProcess": {
		base: "subProcess", attrs: "cancelRemainingInstances:boolean ordering:|Parallel|Sequential", kids: "completionCondition?",
	},
	"standardLoopCharacteristics": {base: "baseElement", attrs: "testBefore:boolean loopMaximum:integer", kids: "loopCondition?"},
	"multiInstanceLoopCharacteristics": {
		base:  "baseElement",
		attrs: "isSequential:boolean behavior:|None|One|All|Complex oneBehaviorEventRef:QName noneBehaviorEventRef:QName",
		kids:  "loopCardinality? loopDataInputRef? loopDataOutputRef? inputDataItem? outputDataItem? complexBehaviorDefinition* completionCondition?",
	},
	"complexBehaviorDefinition": {base: "baseElement", kids: "condition event?"},

	"gateway":           {base: "flowNode", attrs: "gatewayDirection:|Unspecified|Converging|Diverging|Mixed"},
	"parallelGateway":   {base: "gateway"},
	"exclusiveGateway":  {base: "gateway", attrs: "default:name"},
	"inclusiveGateway":  {base: "gateway", attrs: "default:name"},
	"complexGateway":    {base: "gateway", attrs: "default:name", kids: "activationCondition?"},
	"eventBasedGateway": {base: "gateway", attrs: "instantiate:boolean eventGatewayType:|Exclusive|Parallel"},

	"anyEvent": {base: "flowNode", kids: "property*"},
	"catchEvent": {
		base: "anyEvent", attrs: "parallelMultiple:boolean", kids: "dataOutput* dataOutputAssociation* outputSet? eventDefinition* eventDefinitionRef*",
	},
	"throwEvent":             {base: "anyEvent", kids: "dataInput* dataInputAssociation* inputSet? eventDefinition* eventDefinitionRef*"},
	"startEvent":             {base: "catchEvent", attrs: "isInterrupting:boolean"},
	"intermediateCatchEvent": {base: "catchEvent"},
	"boundaryEvent":          {base: "catchEvent", attrs: "cancelActivity:boolean attachedToRef:QName!"},
	"intermediateThrowEvent": {base: "throwEvent"},
	"implicitThrowEvent":     {base: "throwEvent"},
	"endEvent":               {base: "throwEvent"},

	"cancelEventDefinition":      {base: "baseElement"},
	"compensateEventDefinition":  {base: "baseElement", attrs: "waitForCompletion:boolean activityRef:QName"},
	"conditionalEventDefinition": {base: "baseElement", kids: "condition"},
	"errorEventDefinition":       {base: "baseElement", attrs: "errorRef:QName"},
	"escalationEventDefinition":  {base: "baseElement", attrs: "escalationRef:QName"},
	"linkEventDefinition":        {base: "baseElement", attrs: "name!", kids: "source* target?"},
	"messageEventDefinition":     {base: "baseElement", attrs: "messageRef:QName", kids: "operationRef?"},
	"signalEventDefinition":      {base: "baseElement", attrs: "signalRef:QName"},
	"terminateEventDefinition":   {base: "baseElement"},
	"timerEventDefinition":       {base: "baseElement", kids: "timeDate? timeDuration? timeCycle?"},

	"dataState":           {base: "baseElement", attrs: "name"},
	"dataObject":          {base: "flowElement", attrs: "itemSubjectRef:QName isCollection:boolean", kids: "dataState?"},
	"dataObjectReference": {base: "flowElement", attrs: "itemSubjectRef:QName dataObjectRef:name", kids: "dataState?"},
	"dataStoreReference":  {base: "flowElement", attrs: "itemSubjectRef:QName dataStoreRef:QName", kids: "dataState?"},
	"dataStore": {
		base: "baseElement", attrs: "name capacity:integer isUnlimited:boolean itemSubjectRef:QName", kids: "dataState?",
	},
	"property":              {base: "baseElement", attrs: "name itemSubjectRef:QName", kids: "dataState?"},
	"dataInput":             {base: "baseElement", attrs: "name itemSubjectRef:QName isCollection:boolean", kids: "dataState?"},
	"dataOutput":            {base: "baseElement", attrs: "name itemSubjectRef:QName isCollection:boolean", kids: "dataState?"},
	"ioSpecification":       {base: "baseElement", kids: "dataInput* dataOutput* inputSet+ outputSet+"},
	"inputSet":              {base: "baseElement", attrs: "name", kids: "dataInputRefs* optionalInputRefs* whileExecutingInputRefs* outputSetRefs*"},
	"outputSet":             {base: "baseElement", attrs: "name", kids: "dataOutputRefs* optionalOutputRefs* whileExecutingOutputRefs* inputSetRefs*"},
	"ioBinding":             {base: "baseElement", attrs: "operationRef:QName! inputDataRef:name! outputDataRef:name!"},
	"dataAssociation":       {base: "baseElement", kids: "sourceRef* targetRef transformation? assignment*"},
	"dataInputAssociation":  {base: "dataAssociation"},
	"dataOutputAssociation": {base: "dataAssociation"},
	"assignment":            {base: "baseElement", kids: "from to"},

	"resource":                     {base: "baseElement", attrs: "name!", kids: "resourceParameter*"},
	"resourceParameter":            {base: "baseElement", attrs: "name type:QName isRequired:boolean"},
	"resourceRole":                 {base: "baseElement", attrs: "name", kids: "resourceRef? resourceParameterBinding* resourceAssignmentExpression?"},
	"performer":                    {base: "resourceRole"},
	"humanPerformer":               {base: "resourceRole"},
	"potentialOwner":               {base: "resourceRole"},
	"resourceParameterBinding":     {base: "baseElement", attrs: "parameterRef:QName!", kids: "expression"},
	"resourceAssignmentExpression": {base: "baseElement", kids: "expression"},

	"callableElement": {base: "baseElement", attrs: "name", kids: "supportedInterfaceRef* ioSpecification? ioBinding*"},
	"process": {
		base:  "callableElement",
		attrs: "processType:|None|Public|Private isClosed:boolean isExecutable:boolean definitionalCollaborationRef:QName",
		kids:  "auditing? monitoring? property* laneSet* flowElement* artifact* resourceRole* correlationSubscription* supports*",
	},
	"laneSet":                {base: "baseElement", attrs: "name", kids: "lane*"},
	"lane":                   {base: "baseElement", attrs: "name partitionElementRef:QName", kids: "partitionElement? flowNodeRef* childLaneSet?"},
	"globalTask":             {base: "callableElement", kids: "resourceRole*"},
	"globalManualTask":       {base: "globalTask"},
	"globalUserTask":         {base: "globalTask", attrs: "implementation", kids: "rendering*"},
	"globalScriptTask":       {base: "globalTask", attrs: "scriptLanguage", kids: "script?"},
	"globalBusinessRuleTask": {base: "globalTask", attrs: "implementation"},

	"association":    {base: "artifact", attrs: "sourceRef:QName! targetRef:QName! associationDirection:|None|One|Both"},
	"group":          {base: "artifact", attrs: "categoryValueRef:QName"},
	"textAnnotation": {base: "artifact", attrs: "textFormat", kids: "text?"},
	"category":       {base: "baseElement", attrs: "name", kids: "categoryValue*"},
	"categoryValue":  {base: "baseElement", attrs: "value"},

	"itemDefinition": {base: "baseElement", attrs: "structureRef:QName isCollection:boolean itemKind:|Information|Physical"},
	"message":        {base: "baseElement", attrs: "name itemRef:QName"},
	"signal":         {base: "baseElement", attrs: "name structureRef:QName"},
	"error":          {base: "baseElement", attrs: "name errorCode structureRef:QName"},
	"escalation":     {base: "baseElement", attrs: "name escalationCode structureRef:QName"},
	"endPoint":       {base: "baseElement"},
	"interface":      {base: "baseElement", attrs: "name! implementationRef:QName", kids: "operation+"},
	"operation":      {base: "baseElement", attrs: "name! implementationRef:QName", kids: "inMessageRef outMessageRef? errorRef*"},

	"correlationKey":          {base: "baseElement", attrs: "name", kids: "correlationPropertyRef*"},
	"correlationProperty":     {base: "baseElement", attrs: "name type:QName", kids: "correlationPropertyRetrievalExpression+"},
	"correlationSubscription": {base: "baseElement", attrs: "correlationKeyRef:QName!", kids: "correlationPropertyBinding*"},
	"correlationPropertyBinding": {
		base: "baseElement", attrs: "correlationPropertyRef:QName!", kids: "dataPath",
	},
	"correlationPropertyRetrievalExpression": {base: "baseElement", attrs: "messageRef:QName!", kids: "messagePath"},

	"collaboration": {
		base:  "baseElement",
		attrs: "name isClosed:boolean",
		kids: "participant* messageFlow* artifact* conversationNode* conversationAssociation* participantAssociation* messageFlowAssociation* " +
			"correlationKey* choreographyRef* conversationLink*",
	},
	"globalConversation":      {base: "collaboration"},
	"choreography":            {base: "collaboration", kids: "flowElement*"},
	"globalChoreographyTask":  {base: "choreography", attrs: "initiatingParticipantRef:QName"},
	"participant":             {base: "baseElement", attrs: "name processRef:QName", kids: "interfaceRef* endPointRef* participantMultiplicity?"},
	"participantMultiplicity": {base: "baseElement", attrs: "minimum:integer maximum:integer"},
	"participantAssociation":  {base: "baseElement", kids: "innerParticipantRef outerParticipantRef"},
	"partnerEntity":           {base: "baseElement", attrs: "name", kids: "participantRef*"},
	"partnerRole":             {base: "baseElement", attrs: "name", kids: "participantRef*"},
	"messageFlow":             {base: "baseElement", attrs: "name sourceRef:QName! targetRef:QName! messageRef:QName"},
	"messageFlowAssociation":  {base: "baseElement", attrs: "innerMessageFlowRef:QName! outerMessageFlowRef:QName!"},
	"conversationAssociation": {base: "baseElement", attrs: "innerConversationNodeRef:QName! outerConversationNodeRef:QName!"},
	"conversationLink":        {base: "baseElement", attrs: "name sourceRef:QName! targetRef:QName!"},
	"conversation":            {base: "baseElement", attrs: "name", kids: "participantRef* messageFlowRef* correlationKey*"},
	"subConversation":         {base: "conversation", kids: "conversationNode*"},
	"callConversation":        {base: "conversation", attrs: "calledCollaborationRef:QName", kids: "participantAssociation*"},
	"choreographyActivity": {
		base:  "flowNode",
		attrs: "initiatingParticipantRef:QName! loopType:|None|Standard|MultiInstanceSequential|MultiInstanceParallel",
		kids:  "participantRef+ correlationKey*",
	},
	"choreographyTask": {base: "choreographyActivity", kids: "messageFlowRef+"},
	"callChoreography": {base: "choreographyActivity", attrs: "calledChoreographyRef:QName", kids: "participantAssociation*"},
	"subChoreography":  {base: "choreographyActivity", kids: "flowElement* artifact*"},
}
