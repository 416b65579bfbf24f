{{- define "loquent.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "loquent.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "loquent.labels" -}}
{{ include "loquent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "loquent.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "loquent.environment" -}}
env:
  - name: LOQUENT_HOST
    value: "0.0.0.0"
  - name: LOQUENT_DATA_DIR
    value: /data
  - name: LOQUENT_CONFIG
    value: /etc/loquent/loquent.toml
envFrom:
{{- if .Values.secrets }}
  - secretRef: {name: {{ include "loquent.name" . }}}
{{- end }}
{{- if .Values.existingSecret }}
  - secretRef: {name: {{ .Values.existingSecret }}}
{{- end }}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: temporary, mountPath: /tmp}
  - {name: config, mountPath: /etc/loquent, readOnly: true}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}
